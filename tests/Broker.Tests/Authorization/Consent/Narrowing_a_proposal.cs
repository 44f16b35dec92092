using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

/// <summary>What the app proposes is where the form begins, and where it ends: a person gives that or less.</summary>
public sealed class Narrowing_a_proposal(SharedBroker shared) : IDisposable
{
    private const string Scope = "openai:chat openai:models offline_access";
    private const string Proposal =
        """[{"type":"model_access","upstream":"openai","models":["gpt-4o-mini","o3-made-up"],"budget":{"amount":"2.345","currency":"USD","period":"day"},"rate":{"requests_per_minute":60},"lifetime":604800}]""";

    private readonly OAuthApp _app = new(shared.Host);
    private Person _person = null!;

    private BrokerHost Broker => shared.Host;

    public void Dispose() => _person.Dispose();

    [Fact]
    public async Task Begins_with_what_the_app_proposes()
    {
        var page = await OpenAsync();

        page.Text.Should().Contain("Test App proposes").And.Contain("$2.35 a day").And.Contain("60 calls a minute").And.Contain("7 days");
        page.Values("Form.Budget").Should().Equal("2.345");
        page.Values("Form.Period").Should().Equal("Day");
        page.Values("Form.Rate").Should().Equal("60");
        page.Values("Form.LifetimeDays").Should().Equal("proposed");
        page.Values("Form.Models").Should().Equal("gpt-4o-mini", "o3-made-up");
        page.Document.QuerySelectorAll("[name='Form.ModelChoice']").Should().ContainSingle().Which.GetAttribute("type").Should().Be("hidden", "all models are more than the app wants");
        page.Document.QuerySelectorAll("#LifetimeDays option").Select(o => o.GetAttribute("value")).Should().Equal("1", "proposed");
    }

    [Fact]
    public async Task Grants_it_as_it_is()
    {
        var page = await OpenAsync();

        var tokens = await page.ApproveAsync(_app);

        var grant = await GrantAsync();
        (grant.BudgetMicros, grant.BudgetPeriod, grant.RequestsPerMinute).Should().Be((2_345_000L, BudgetPeriod.Day, 60));
        grant.Models.Should().Equal("gpt-4o-mini", "o3-made-up");
        grant.ExpiresAt.Should().BeCloseTo(DateTime.UtcNow.AddDays(7), TimeSpan.FromMinutes(2));
        tokens.Raw.GetProperty("authorization_details")[0].GetProperty("budget").GetProperty("amount").GetString().Should().Be("2.345");
    }

    [Fact]
    public async Task Grants_less_where_the_person_gives_less()
    {
        var page = await OpenAsync();

        var tokens = await page.Set("Form.Budget", "1").Set("Form.Period", "Total").Set("Form.Rate", "5")
            .Set("Form.LifetimeDays", "1").Untick("Form.Models", "o3-made-up").ApproveAsync(_app);

        var detail = tokens.Raw.GetProperty("authorization_details")[0];
        detail.GetProperty("budget").GetProperty("amount").GetString().Should().Be("1.00");
        detail.GetProperty("budget").GetProperty("period").GetString().Should().Be("total");
        detail.GetProperty("rate").GetProperty("requests_per_minute").GetInt32().Should().Be(5);
        detail.GetProperty("lifetime").GetInt64().Should().BeInRange(86_000, 86_400);
        detail.GetProperty("models").EnumerateArray().Select(m => m.GetString()).Should().Equal("gpt-4o-mini");
    }

    [Theory]
    [InlineData("Form.Budget", "2.35")]
    [InlineData("Form.Budget", "10")]
    [InlineData("Form.Budget", "2.3450001")]
    [InlineData("Form.Rate", "61")]
    [InlineData("Form.Rate", "0")]
    [InlineData("Form.Rate", "")]
    [InlineData("Form.Rate", "x")]
    [InlineData("Form.LifetimeDays", "30")]
    [InlineData("Form.LifetimeDays", "keep")]
    public async Task Refuses_more_than_the_app_proposes(string field, string value)
    {
        var page = await OpenAsync();

        using var answer = await page.Set(field, value).AnswerAsync();

        await IsRefusedAsync(page, answer, field);
    }

    [Theory]
    [InlineData("some", "gpt-4.1")]
    [InlineData("any", "gpt-4o-mini")]
    public async Task Refuses_models_outside_the_proposal(string choice, string model)
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.ModelChoice", choice).Set("Form.Models", model).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.Models");
    }

    [Fact]
    public async Task Refuses_a_period_in_which_the_same_amount_is_more()
    {
        var page = await OpenAsync("""[{"type":"model_access","upstream":"openai","budget":{"amount":"5.00","currency":"USD","period":"month"}}]""");

        using var answer = await page.Set("Form.Period", "Day").AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.Budget");
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("Year")]
    public async Task Refuses_a_period_that_is_none(string period)
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.Period", period).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.Budget");
    }

    [Fact]
    public async Task Leaves_the_usual_form_where_nothing_is_proposed()
    {
        var page = await OpenAsync(null);

        page.Text.Should().NotContain("proposes");
        page.Values("Form.Budget").Should().Equal("5");
        page.Values("Form.Period").Should().Equal("Month");
        page.Values("Form.Rate").Should().Equal("");
        page.Values("Form.LifetimeDays").Should().Equal("30");
        await page.ApproveAsync(_app);
        (await GrantAsync()).RequestsPerMinute.Should().BeNull("nothing was asked for, and nothing chosen");
    }

    [Fact]
    public async Task Refuses_a_pace_that_the_broker_does_not_keep()
    {
        var page = await OpenAsync(null);

        using var answer = await page.Set("Form.Rate", "1000001").AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.Rate");
    }

    [Fact]
    public async Task Cannot_be_talked_into_another_proposal_by_the_form()
    {
        var page = await OpenAsync();

        using var answer = await page.Set("authorization_details", Proposal.Replace("2.345", "9999", StringComparison.Ordinal) + "x").AnswerAsync();

        ConsentPage.ParametersOf(answer).Should().Contain("error", "invalid_authorization_details");
        (await CountAsync()).Should().Be(0);
    }

    [Fact]
    public async Task Shows_what_the_app_cannot_do_without_and_grants_it_whatever_the_form_says()
    {
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Apps:3:ClientId"] = "strict-app",
            ["Apps:3:Name"] = "Strict App",
            ["Apps:3:ClientSecret"] = BrokerHost.AppSecret,
            ["Apps:3:RedirectUris:0"] = BrokerHost.RedirectUri,
            ["Apps:3:Scopes:0"] = "openai:chat",
            ["Apps:3:Scopes:1"] = "openai:models",
            ["Apps:3:OptionalScopes:0"] = "openai:models",
        });
        _person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker, "strict-app") { Secret = BrokerHost.AppSecret };

        var page = await ConsentPage.OpenAsync(_person, app.AuthorizeUrl("openai:chat openai:models"));
        page.Values("Form.Scopes").Should().Equal("openai:models");
        page.Document.QuerySelector(".check-fixed")!.TextContent.Should().Contain("does not work without it");
        var tokens = await page.Set("Form.Scopes").ApproveAsync(app);

        tokens.Scope.Should().Be("openai:chat");
    }

    private async Task<ConsentPage> OpenAsync(string? details = Proposal)
    {
        _person = await Person.WithKeyAsync(Broker);
        return await ConsentPage.OpenAsync(_person, _app.AuthorizeUrl(Scope, new() { ["authorization_details"] = details }));
    }

    private async Task IsRefusedAsync(ConsentPage page, HttpResponseMessage answer, string field)
    {
        var again = await page.AgainAsync(answer);
        again.Complaint(field).Should().NotBeNullOrWhiteSpace("the form must say what is wrong");
        (await CountAsync()).Should().Be(0, "a form that is refused grants nothing");
    }

    private Task<int> CountAsync() => Broker.WithDatabaseAsync(
        db => db.Grants.CountAsync(g => g.UserId == db.Users.Single(u => u.Email == _person.Email).Id));

    private Task<Grant> GrantAsync() => Broker.WithDatabaseAsync(
        db => db.Grants.AsNoTracking().SingleAsync(g => g.UserId == db.Users.Single(u => u.Email == _person.Email).Id));
}
