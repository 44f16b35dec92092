using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Apps;
using TokenBroker.Authorization;
using TokenBroker.Metering;
using TokenBroker.Notices;
using TokenBroker.Operations;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

public sealed partial class Pruning_what_is_over
{
    private static readonly Dictionary<string, string> Fast = new() { ["Pruning:Every"] = "00:10:00", ["Pruning:BatchSize"] = "7", ["Pruning:Pause"] = "00:00:00" };

    public static TheoryData<string> Rules => [.. PruningRules.All.Select(rule => rule.Name)];

    [Fact]
    public async Task Takes_expired_tokens_and_leaves_the_grant_that_goes_on()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Fast, clock);
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var tokens = await app.ConnectAsync(person);
        for (var i = 0; i < 30; i++)
        {
            clock.Advance(TimeSpan.FromHours(2));
            using var response = await app.RefreshAsync(tokens.RefreshToken);
            tokens = await OAuthApp.ReadAsync(response);
        }

        clock.Advance(TimeSpan.FromMinutes(10));
        var now = clock.GetUtcNow().UtcDateTime;
        var left = await Eventually.IsAsync(
            () => broker.WithDatabaseAsync(db => db.Tokens.AsNoTracking().Select(t => t.ExpirationDate).ToListAsync()),
            rows => rows.All(expires => expires >= now.AddDays(-1).AddMinutes(-10)));

        left.Should().OnlyContain(expires => expires >= now.AddDays(-1).AddMinutes(-10)).And.HaveCountLessThan(60);
        using var call = await new Api(broker, tokens.AccessToken).ChatAsync();
        call.IsSuccessStatusCode.Should().BeTrue();
        using var again = await app.RefreshAsync(tokens.RefreshToken);
        again.IsSuccessStatusCode.Should().BeTrue();
    }

    [Fact]
    public async Task Leaves_a_used_refresh_token_for_as_long_as_a_thief_could_bring_it()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Fast, clock);
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var stolen = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(stolen.RefreshToken);
        var successor = await OAuthApp.ReadAsync(first);
        clock.Advance(TimeSpan.FromHours(23));
        await Task.Delay(200);

        using var theft = await app.RefreshAsync(stolen.RefreshToken);
        using var after = await app.RefreshAsync(successor.RefreshToken);

        (await OAuthApp.ErrorAsync(theft)).Should().Be("invalid_grant");
        (await OAuthApp.ErrorAsync(after)).Should().Be("invalid_grant", "the theft ended the grant");
    }

    [Fact]
    public async Task Takes_each_kind_when_its_time_has_come_and_not_before()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Fast, clock);
        var start = clock.GetUtcNow();
        var now = start.UtcDateTime;
        using var person = await Person.SignedUpAsync(broker);
        await broker.WithDatabaseAsync(async db =>
        {
            var userId = await db.Users.Select(u => u.Id).SingleAsync();
            db.Notices.Add(new Notice { UserId = userId, At = now.AddDays(-91), Kind = "test", Text = "old" });
            db.Notices.Add(new Notice { UserId = userId, At = now.AddDays(-89), Kind = "test", Text = "new" });
            for (byte i = 0; i < 20; i++)
            {
                db.UsedProofs.Add(new UsedProof { Hash = [1, i], ExpiresAt = now.AddMinutes(-1) });
            }

            db.UsedProofs.Add(new UsedProof { Hash = [2], ExpiresAt = now.AddHours(1) });
            db.Spend.Add(new Spend { OwnerId = Guid.NewGuid(), Period = SpendPeriods.Of(start.AddDays(-70)).Day });
            db.Spend.Add(new Spend { OwnerId = Guid.NewGuid(), Period = SpendPeriods.Of(start.AddDays(-50)).Day });
            db.Spend.Add(new Spend { OwnerId = Guid.NewGuid(), Period = 202001 });
            db.Spend.Add(new Spend { OwnerId = Guid.NewGuid(), Period = SpendPeriods.Total });
            db.Apps.Add(new App { ClientId = "old-and-unused", Source = AppSource.DynamicRegistration, CreatedAt = now.AddDays(-31) });
            db.Apps.Add(new App { ClientId = "new-and-unused", Source = AppSource.DynamicRegistration, CreatedAt = now.AddDays(-29) });
            return await db.SaveChangesAsync();
        });

        clock.Advance(TimeSpan.FromMinutes(10));

        var (proofs, periods, apps, notices) = await Eventually.IsAsync(
            () => broker.WithDatabaseAsync(async db => (
                await db.UsedProofs.Select(p => p.Hash).ToListAsync(),
                await db.Spend.Select(s => s.Period).ToListAsync(),
                await db.Apps.Where(a => a.Source == AppSource.DynamicRegistration).Select(a => a.ClientId).ToListAsync(),
                await db.Notices.Select(n => n.Text).ToListAsync())),
            left => left.Item1.Count == 1 && left.Item2.Count == 3 && left.Item3.Count == 1 && left.Item4.Count == 1);
        proofs.Should().ContainSingle().Which.Should().Equal(2);
        periods.Should().BeEquivalentTo([SpendPeriods.Of(start.AddDays(-50)).Day, 202001, SpendPeriods.Total]);
        apps.Should().Equal("new-and-unused");
        notices.Should().Equal("new");
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Finds_its_rows_by_an_index(string rule)
    {
        var directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
        try
        {
            await using var db = BareDatabase.Open(directory);
            await db.Database.MigrateAsync();

            var plan = await PlanAsync(db, PruningRules.All.Single(r => r.Name == rule).Select(db, DateTime.UtcNow).ToQueryString());

            plan.Should().NotBeEmpty().And.NotContain(step => step.StartsWith("SCAN", StringComparison.Ordinal) || step.Contains("TEMP B-TREE", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<List<string>> PlanAsync(BrokerDbContext db, string query)
    {
        // The text names its parameters in the way of SQLite's shell; the plan does not hang on their values.
        var sql = ShellParameters().Replace(query, "");
        await db.Database.OpenConnectionAsync();
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + sql;
        foreach (var name in Parameters().Matches(sql).Select(match => match.Value).Distinct())
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, "0");
            command.Parameters.Add(parameter);
        }

        await using var reader = await command.ExecuteReaderAsync();
        var steps = new List<string>();
        while (await reader.ReadAsync())
        {
            steps.Add(reader.GetString(3));
        }

        return steps;
    }

    [GeneratedRegex(@"^\.param set .*$\n?", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex ShellParameters();

    [GeneratedRegex(@"@\w+", RegexOptions.ExplicitCapture)]
    private static partial Regex Parameters();
}
