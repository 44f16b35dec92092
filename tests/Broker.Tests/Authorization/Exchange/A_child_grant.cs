using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;
using static TokenBroker.Tests.Authorization.Exchange.DelegatingApp;

namespace TokenBroker.Tests.Authorization.Exchange;

/// <summary>What an exchange cut off dies with its parent, obeys whatever its parent becomes, and spends of both.</summary>
public sealed class A_child_grant(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Dies_with_its_parent_and_its_open_streams_with_it()
    {
        using var app = await ConnectAsync(Broker);
        var child = await app.ChildAsync();
        var grandchild = await app.ChildAsync(child.AccessToken);
        using var open = await new Api(Broker, grandchild.AccessToken).OpenStreamAsync("[[events:5000]] [[delay:20]]");
        open.StatusCode.Should().Be(HttpStatusCode.OK);

        await app.Person.PressAsync(app.Name, "Revoke");

        var readToEnd = () => open.Content.ReadAsStringAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        (await readToEnd.Should().ThrowAsync<Exception>()).Which.Should().NotBeAssignableTo<OperationCanceledException>("the broker must cut the stream by itself");
        foreach (var token in (string[])[child.AccessToken, grandchild.AccessToken])
        {
            using var call = await new Api(Broker, token).ChatAsync();
            call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task Rests_while_its_parent_is_paused()
    {
        using var app = await ConnectAsync(Broker);
        var api = new Api(Broker, (await app.ChildAsync()).AccessToken);
        using var before = await api.ChatAsync();
        await app.Person.PressAsync(app.Name, "Pause");
        using var paused = await api.ChatAsync();
        await app.Person.PressAsync(app.Name, "Pause");
        using var after = await api.ChatAsync();

        before.StatusCode.Should().Be(HttpStatusCode.OK);
        (await Api.ErrorAsync(paused)).Code.Should().Be("grant_paused");
        after.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Shrinks_when_its_parent_is_narrowed()
    {
        using var app = await ConnectAsync(Broker);
        var api = new Api(Broker, (await app.ChildAsync()).AccessToken);
        using var before = await api.ChatAsync();

        var parent = (await LineAsync(app)).Parent;
        await Broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == parent.Id).ExecuteUpdateAsync(
            set => set.SetProperty(g => g.Scopes, "[\"openai:models\"]").SetProperty(g => g.Revision, g => g.Revision + 1)));
        Broker.Services.GetRequiredService<GrantChanges>().Publish(new GrantChange(parent.Id, null));
        using var after = await api.ChatAsync();

        before.StatusCode.Should().Be(HttpStatusCode.OK);
        (await Api.ErrorAsync(after)).Code.Should().Be("insufficient_scope");
    }

    [Fact]
    public async Task Spends_of_its_own_budget_and_of_its_parents()
    {
        using var app = await ConnectAsync(Broker);
        var child = await app.ChildAsync();
        using var call = await new Api(Broker, child.AccessToken).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);

        var (parent, cut) = await LineAsync(app);
        var spend = await Eventually.IsAsync(
            () => Broker.WithDatabaseAsync(db => db.Spend.AsNoTracking()
                .Where(s => s.Period == SpendPeriods.Total && (s.OwnerId == parent.Id || s.OwnerId == cut.Id)).ToListAsync()),
            rows => rows.Count == 2);

        spend.Should().HaveCount(2).And.OnlyContain(s => s.Calls == 1 && s.CostMicros > 0 && s.CostMicros == spend[0].CostMicros);
        var usage = await Broker.WithDatabaseAsync(db => db.Usage.AsNoTracking().SingleAsync(u => u.GrantId == parent.Id));
        usage.CostMicros.Should().Be(spend[0].CostMicros, "the person sees the call with the app that they know");
    }

    [Fact]
    public async Task Stops_at_its_slice_while_its_parent_goes_on()
    {
        using var app = await ConnectAsync(Broker);
        var child = await app.ChildAsync(details: ModelAccessOf("""
            "budget":{"amount":"0.000001","currency":"USD","period":"total"}
            """));

        using var refused = await new Api(Broker, child.AccessToken).ChatAsync();
        using var parents = await new Api(Broker, app.Tokens.AccessToken).ChatAsync();

        refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        (await Api.ErrorAsync(refused)).Error.GetProperty("message").GetString().Should().NotContain("resets on", "a slice is given once");
        parents.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Shares_its_parents_budget_with_its_siblings_under_parallel_calls()
    {
        const long Budget = 10_000;
        using var app = await ConnectAsync(Broker, budget: "0.01");
        var apis = new List<Api> { new(Broker, app.Tokens.AccessToken) };
        for (var i = 0; i < 3; i++)
        {
            apis.Add(new Api(Broker, (await app.ChildAsync()).AccessToken));
        }

        var statuses = await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            using var response = await apis[i % apis.Count].PostAsync("/chat/completions", new
            {
                model = "gpt-4o",
                max_completion_tokens = 100,
                messages = new[] { new { role = "user", content = $"[[events:500]] {i}" } },
            });
            return response.StatusCode;
        }));

        statuses.Should().Contain(HttpStatusCode.OK).And.Contain(HttpStatusCode.PaymentRequired);
        var (parent, _) = await LineAsync(app);
        var answered = statuses.Count(status => status == HttpStatusCode.OK);
        var spend = await Eventually.IsAsync(
            () => Broker.WithDatabaseAsync(db => db.Spend.AsNoTracking().SingleOrDefaultAsync(s => s.OwnerId == parent.Id && s.Period == SpendPeriods.Total)),
            row => row?.Calls == answered);
        spend!.Calls.Should().Be(answered);
        spend.CostMicros.Should().BeInRange(1, Budget);
        Books.OfGrant(Broker, parent.Id).IsIdle.Should().BeTrue("nothing stays reserved");
    }

    [Fact]
    public async Task Ends_alone_where_its_own_token_is_revoked()
    {
        using var app = await ConnectAsync(Broker);
        var child = await app.ChildAsync();
        (await app.App.RevokeAsync(child.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);

        using var childs = await new Api(Broker, child.AccessToken).ChatAsync();
        using var parents = await new Api(Broker, app.Tokens.AccessToken).ChatAsync();

        childs.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        parents.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Gives_its_place_back_where_its_token_is_revoked()
    {
        using var app = await ConnectAsync(Broker);
        var child = await app.ChildAsync();
        var grandchild = await app.ChildAsync(child.AccessToken);
        (await app.App.RevokeAsync(child.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);

        using var call = await new Api(Broker, grandchild.AccessToken).ChatAsync();

        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized, "what was cut from it ends with it");
        var live = await Broker.WithDatabaseAsync(db => db.Grants.CountAsync(g => g.Application!.DisplayName == app.Name && g.ParentId != null && g.Status == "valid"));
        live.Should().Be(0);
    }

    [Fact]
    public async Task Dies_with_its_parent_however_many_came_and_went_before()
    {
        using var app = await ConnectAsync(Broker);
        var child = await app.ChildAsync();
        var (parent, cut) = await LineAsync(app);
        await AddAsync(40_000, parent.Id, DateTime.UtcNow.AddHours(-1));

        await app.Person.PressAsync(app.Name, "Revoke");

        var statuses = await Broker.WithDatabaseAsync(db => db.Grants.AsNoTracking()
            .Where(g => g.Id == parent.Id || g.Id == cut.Id).Select(g => g.Status).ToListAsync());
        statuses.Should().Equal("revoked", "revoked");
        using var call = await new Api(Broker, child.AccessToken).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        await Broker.WithDatabaseAsync(db => db.Grants.Where(g => g.ParentId == parent.Id && g.Id != cut.Id).ExecuteDeleteAsync());
    }

    [Fact]
    public async Task Is_one_of_a_bounded_number_however_deep_they_go()
    {
        using var app = await ConnectAsync(Broker);
        await app.ChildAsync();
        var (_, cut) = await LineAsync(app);
        await AddAsync(999, cut.Id, DateTime.UtcNow.AddMinutes(20));

        using var refused = await app.ExchangeAsync();

        refused.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await refused.Content.ReadAsStringAsync()).Should().Contain("At most 1000");
    }

    /// <summary>On SQLite, in its own words.</summary>
    private const string RandomId = "upper(substr(hex(randomblob(16)), 1, 8) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6)))";

    /// <summary>Children, as exchanges would have made them; by one statement, since others wait for the database meanwhile.</summary>
    private Task<int> AddAsync(int count, Guid parentId, DateTime expiresAt) => Broker.WithDatabaseAsync(async db =>
    {
        var type = db.Model.FindEntityType(typeof(Grant))!;
        var columns = type.GetProperties().Select(p => p.Name).Except(["Id", "ParentId", "ExpiresAt"]).Select(name => $"\"{name}\"");
        var list = string.Join(", ", columns);
        var sql = $$"""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0})
            INSERT INTO "{{type.GetTableName()}}" ("Id", "ParentId", "ExpiresAt", {{list}})
            SELECT {{(PostgreSqlServer.IsForAll ? "gen_random_uuid()" : RandomId)}}, "Id", {2}, {{list}}
            FROM "{{type.GetTableName()}}", n WHERE "Id" = {1}
            """;
        return await db.Database.ExecuteSqlRawAsync(sql, count, parentId, expiresAt);
    });

    private static async Task<(Grant Parent, Grant Child)> LineAsync(DelegatingApp app) => await app.Broker.WithDatabaseAsync(async db =>
    {
        var grants = await db.Grants.AsNoTracking().Where(g => g.Application!.DisplayName == app.Name).ToListAsync();
        return (grants.Single(g => g.ParentId == null), grants.FirstOrDefault(g => g.ParentId != null)!);
    });
}
