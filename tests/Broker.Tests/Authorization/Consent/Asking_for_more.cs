using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Grants;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

/// <summary>Incremental consent: an app that has a grant asks for the difference, and the person sees the difference.</summary>
public sealed class Asking_for_more(SharedBroker shared) : IDisposable
{
    private readonly OAuthApp _app = new(shared.Host);
    private Person _person = null!;

    private BrokerHost Broker => shared.Host;

    public void Dispose() => _person.Dispose();

    [Fact]
    public async Task Shows_only_what_is_new()
    {
        await ConnectAsync("openai:chat offline_access");

        var page = await MoreAsync("openai:chat openai:embeddings email");

        page.Values("Form.Scopes").Should().Equal("openai:embeddings", "email");
        page.Document.QuerySelectorAll("[name='Form.Budget'], [name='Form.KeyId'], [name='Form.NewKey'], [name='Form.LifetimeDays'], [name='Form.Raise']")
            .Should().BeEmpty("nothing else is in question");
        page.Text.Should().Contain("asks for more").And.Contain("What you allowed:").And.Contain("$5.00 a month");
    }

    [Fact]
    public async Task Adds_to_the_grant_and_takes_nothing_away()
    {
        var first = await ConnectAsync("openai:chat openai:models offline_access");

        var tokens = await (await MoreAsync("openai:embeddings offline_access")).ApproveAsync(_app);

        tokens.Scope.Split(' ').Should().BeEquivalentTo(["openai:embeddings", "offline_access"], "the token has what was asked for");
        var grant = await GrantAsync();
        grant.ScopeList().Should().BeEquivalentTo("openai:chat", "openai:models", "offline_access", "openai:embeddings");
        (grant.BudgetMicros, grant.Models).Should().Be((5_000_000L, null));
        (await new Api(Broker, first.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK, "what was allowed stays allowed");
        using var embeddings = await new Api(Broker, tokens.AccessToken).PostAsync("/embeddings", new { model = "text-embedding-3-small", input = "x" });
        embeddings.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Gives_one_token_for_all_where_the_app_wants_it_so()
    {
        await ConnectAsync("openai:chat openai:models offline_access");

        var tokens = await (await MoreAsync("openai:embeddings", new() { ["include_granted_scopes"] = "true" })).ApproveAsync(_app);

        string[] all = ["openai:chat", "openai:models", "offline_access", "openai:embeddings"];
        tokens.Scope.Split(' ').Should().BeEquivalentTo(all);
        using var refreshed = await _app.RefreshAsync(tokens.RefreshToken);
        var again = await OAuthApp.ReadAsync(refreshed);
        (await new Api(Broker, again.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("false")]
    [InlineData("TRUE")]
    public async Task Gives_no_more_than_was_asked_for_otherwise(string? include)
    {
        await ConnectAsync("openai:chat openai:models offline_access");

        using var silent = await _person.GetAsync(_app.AuthorizeUrl("openai:models", new() { ["include_granted_scopes"] = include }));
        using var response = await _app.ExchangeAsync(ConsentPage.ParametersOf(silent)["code"]);

        (await OAuthApp.ReadAsync(response)).Scope.Should().Be("openai:models");
    }

    [Fact]
    public async Task Leaves_the_grant_as_it_was_where_the_person_says_no()
    {
        var first = await ConnectAsync("openai:chat offline_access");
        var before = await GrantAsync();

        using var answer = await (await MoreAsync("openai:embeddings")).AnswerAsync("deny");

        ConsentPage.ParametersOf(answer).Should().Contain("error", "access_denied");
        var after = await GrantAsync();
        after.Should().BeEquivalentTo(before, options => options.Excluding(g => g.LastUsedAt));
        (await new Api(Broker, first.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Shows_each_limit_before_and_after()
    {
        await ConnectAsync(details: Detail("gpt-4o-mini", "5", "month", 10, 86_400));
        var before = await GrantAsync();

        var page = await MoreAsync(details: Detail("gpt-4o-mini\",\"o3", "9.50", "month", 20, 864_000));

        page.Values("Form.Models").Should().Equal("o3");
        page.Values("Form.Raise").Should().Equal("budget", "rate", "lifetime");
        page.Text.Should().Contain("$5.00 a month → $9.50 a month").And.Contain("10 → 20");
        page.Text.Should().Contain(before.ExpiresAt.ToString("d MMMM", System.Globalization.CultureInfo.InvariantCulture));

        await page.ApproveAsync(_app);
        var grant = await GrantAsync();
        (grant.BudgetMicros, grant.RequestsPerMinute).Should().Be((9_500_000L, 20));
        grant.Models.Should().Equal("gpt-4o-mini", "o3");
        grant.ExpiresAt.Should().BeCloseTo(DateTime.UtcNow.AddDays(10), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Raises_only_what_is_ticked()
    {
        await ConnectAsync(details: Detail("gpt-4o-mini", "5", "month", 10, 86_400));
        var page = await MoreAsync(details: Detail("gpt-4o-mini\",\"o3", "9.50", "month", 20, 864_000));

        await page.Set("Form.Raise", "rate").Set("Form.Models", "gpt-5.4").Set("Form.Budget", "9999").ApproveAsync(_app);

        var grant = await GrantAsync();
        (grant.BudgetMicros, grant.RequestsPerMinute).Should().Be((5_000_000L, 20));
        grant.Models.Should().Equal(["gpt-4o-mini"], "the form cannot name a model that was not asked for");
        grant.ExpiresAt.Should().BeCloseTo(DateTime.UtcNow.AddDays(1), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Complains_of_an_answer_that_allows_nothing()
    {
        await ConnectAsync("openai:chat offline_access");
        var page = await MoreAsync("openai:embeddings");

        using var answer = await page.Set("Form.Scopes", "openai:audio").AnswerAsync();

        (await page.AgainAsync(answer)).Complaint("Form.Scopes").Should().NotBeNullOrWhiteSpace();
        (await GrantAsync()).ScopeList().Should().BeEquivalentTo("openai:chat", "offline_access");
    }

    [Theory]
    [InlineData("gpt-4o-mini", "5", "month", 10, 86_400, true)]
    [InlineData("gpt-4o-mini", "4.99", "month", 9, 3_600, true)]
    [InlineData("o3", "5", "month", 10, 86_400, false)]
    [InlineData("gpt-4o-mini", "5.000001", "month", 10, 86_400, false)]
    [InlineData("gpt-4o-mini", "1", "day", 10, 86_400, false)]
    [InlineData("gpt-4o-mini", "5", "month", 11, 86_400, false)]
    [InlineData("gpt-4o-mini", "5", "month", 10, 172_800, false)]
    public async Task Is_not_asked_where_the_details_are_covered_too(string models, string amount, string period, int rate, int lifetime, bool covered)
    {
        await ConnectAsync(details: Detail("gpt-4o-mini", "5", "month", 10, 86_400));

        using var response = await _person.GetAsync(_app.AuthorizeUrl(
            "openai:chat offline_access", new() { ["authorization_details"] = Detail(models, amount, period, rate, lifetime) }));

        response.StatusCode.Should().Be(covered ? HttpStatusCode.Found : HttpStatusCode.OK);
    }

    [Fact]
    public async Task Does_not_bring_back_what_ended_while_the_page_was_open()
    {
        await ConnectAsync("openai:chat openai:models offline_access");
        var page = await MoreAsync("openai:embeddings");
        await _person.PressAsync("Test App", "Revoke");

        using var answer = await page.AnswerAsync();

        var again = await page.AgainAsync(answer);
        again.Text.Should().Contain("has changed");
        again.Values("Form.Shape").Should().Equal("Full");
        (await LiveGrantsAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Does_not_raise_a_limit_that_changed_while_the_page_was_open()
    {
        await ConnectAsync(details: Detail("gpt-4o-mini", "5", "month", 10, 86_400));
        var page = await MoreAsync(details: Detail("gpt-4o-mini", "9.50", "month", 10, 86_400));
        await _person.PressAsync("Test App", "Pause");
        await _person.PressAsync("Test App", "Pause");

        using var answer = await page.AnswerAsync();

        (await page.AgainAsync(answer)).Text.Should().Contain("has changed");
        (await GrantAsync()).BudgetMicros.Should().Be(5_000_000);
    }

    [Fact]
    public async Task Is_written_onto_the_grant_that_was_shown_or_not_at_all()
    {
        await ConnectAsync("openai:chat offline_access");
        var shown = await GrantAsync();
        await _person.PressAsync("Test App", "Revoke");

        await using var scope = Broker.Services.CreateAsyncScope();
        var written = await scope.ServiceProvider.GetRequiredService<ApproveGrant>().RunAsync(
            new Approval(shown.UserId, shown.ApplicationId!.Value, "openai", shown.UpstreamKeyId!.Value, ["openai:chat", "openai:models"])
            {
                Models = null,
                BudgetMicros = 1,
                BudgetPeriod = BudgetPeriod.Month,
                RequestsPerMinute = null,
                ExpiresAt = DateTime.UtcNow.AddDays(1),
                Earlier = shown,
            },
            TestContext.Current.CancellationToken);

        written.Should().Be(new ApprovalOutcome(null, ApprovalRefusal.Changed));
        (await LiveGrantsAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Sees_a_grant_that_was_cut_from_another_as_none()
    {
        await ConnectAsync("openai:chat openai:models offline_access");
        var parent = await GrantAsync();
        await Broker.WithDatabaseAsync(async db =>
        {
            db.Grants.Add(new Grant
            {
                UserId = parent.UserId,
                Subject = parent.Subject,
                ApplicationId = parent.ApplicationId,
                UpstreamId = "openai",
                UpstreamKeyId = parent.UpstreamKeyId,
                ParentId = parent.Id,
                Status = "valid",
                Type = "permanent",
                Scopes = """["openai:audio","openai:chat","openai:models"]""",
                ExpiresAt = DateTime.UtcNow.AddDays(80),
                BudgetMicros = 1,
            });
            await db.SaveChangesAsync();
            return await db.Grants.Where(g => g.Id == parent.Id).ExecuteUpdateAsync(set => set.SetProperty(g => g.Status, "revoked"));
        });

        var page = await MoreAsync("openai:chat openai:models");

        page.Values("Form.Shape").Should().Equal(["Full"], "there is no live grant of the user's own making");
    }

    [Fact]
    [Trait("Checklist", "10")]
    public async Task Confirms_shortly_for_an_app_that_anybody_can_pose_as()
    {
        var app = new OAuthApp(Broker, BrokerHost.PublicAppId);
        _person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(_person, "openai:chat offline_access");
        var before = await GrantAsync();

        var page = await ConsentPage.OpenAsync(_person, app.AuthorizeUrl("openai:chat offline_access"));
        page.Values("Form.Shape").Should().Equal("Confirm");
        page.Text.Should().Contain("Go on with Public App?").And.Contain("app.example");
        page.Document.QuerySelectorAll("[name='Form.Scopes'], [name='Form.Budget']").Should().BeEmpty();
        var everything = page.Document.QuerySelector("a[href*='everything=1']")!.GetAttribute("href")!;
        var tokens = await page.ApproveAsync(app);

        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        (await GrantAsync()).Should().BeEquivalentTo(before, options => options.Excluding(g => g.LastUsedAt), "going on changes nothing");
        (await ConsentPage.OpenAsync(_person, everything)).Values("Form.Shape").Should().Equal("Full");
        var actions = await Broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.UserId == before.UserId).Select(e => e.Action).ToListAsync());
        actions.Should().ContainSingle(a => a == "consent.confirmed");
    }

    private static string Detail(string models, string amount, string period, int rate, int lifetime) =>
        $$"""[{"type":"model_access","upstream":"openai","models":["{{models}}"],"budget":{"amount":"{{amount}}","currency":"USD","period":"{{period}}"},"rate":{"requests_per_minute":{{rate}}},"lifetime":{{lifetime}}}]""";

    private async Task<Tokens> ConnectAsync(string scope = "openai:chat offline_access", string? details = null)
    {
        _person = await Person.WithKeyAsync(Broker);
        return await (await MoreAsync(scope, details: details)).ApproveAsync(_app);
    }

    private Task<ConsentPage> MoreAsync(string scope = "openai:chat offline_access", Dictionary<string, string?>? change = null, string? details = null) =>
        ConsentPage.OpenAsync(_person, _app.AuthorizeUrl(scope, new(change ?? []) { ["authorization_details"] = details }));

    private async Task<Grant> GrantAsync() => (await LiveGrantsAsync()).Should().ContainSingle().Which;

    private Task<List<Grant>> LiveGrantsAsync() => Broker.WithDatabaseAsync(
        db => db.Grants.AsNoTracking().Where(g => g.Status == "valid" && g.UserId == db.Users.Single(u => u.Email == _person.Email).Id).ToListAsync());
}
