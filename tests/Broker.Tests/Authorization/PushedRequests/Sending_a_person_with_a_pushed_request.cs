using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.PushedRequests;

/// <summary>Checklist 8: a pushed request is its client's, works once and shortly, and yet leaves the person time.</summary>
[Trait("Checklist", "8")]
public sealed class Sending_a_person_with_a_pushed_request(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData(BrokerHost.AppId)]
    [InlineData(BrokerHost.PublicAppId)]
    [InlineData(BrokerHost.ParAppId)]
    public async Task Leads_through_consent_to_tokens(string clientId)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, clientId);
        var page = await ConsentPage.OpenAsync(person, await person.TakeAsync(await app.PushedUrlAsync()));

        using var answer = await page.AnswerAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        ConsentPage.ParametersOf(answer)["state"].Should().Be(app.State);
        using var tokens = await app.ExchangeAsync(ConsentPage.ParametersOf(answer)["code"]);
        (await new Api(Broker, (await OAuthApp.ReadAsync(tokens)).AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Tells_the_app_of_a_refusal()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, BrokerHost.ParAppId);
        var page = await ConsentPage.OpenAsync(person, await person.TakeAsync(await app.PushedUrlAsync()));

        using var answer = await page.AnswerAsync("deny");

        ConsentPage.ParametersOf(answer).Should().Contain("error", "access_denied").And.Contain("state", app.State);
    }

    [Fact]
    public async Task Works_once()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await new OAuthApp(Broker).PushedUrlAsync();
        await person.TakeAsync(url);

        using var again = await person.GetAsync(url);

        await ErrorPage.ReadAsync(again);
    }

    [Fact]
    public async Task Works_for_one_of_many_at_a_time()
    {
        var url = await new OAuthApp(Broker).PushedUrlAsync();
        using var http = Broker.NewClient();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            using var response = await http.GetAsync(url);
            return response.Headers.Location?.ToString() ?? "";
        }));

        answers.Count(to => to.Contains("urn%3Atokenbroker%3Aconsent", StringComparison.Ordinal)).Should().Be(1);
    }

    [Theory]
    [InlineData(BrokerHost.OtherAppId)]
    [InlineData(BrokerHost.PublicAppId)]
    public async Task Works_for_no_other_app(string other)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await new OAuthApp(Broker).PushedUrlAsync();

        using var response = await person.GetAsync(url.Replace(BrokerHost.AppId, other, StringComparison.Ordinal));

        await ErrorPage.ReadAsync(response);
        await person.TakeAsync(url);
    }

    [Fact]
    public async Task Works_for_no_other_app_once_it_is_taken()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var own = await person.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync());

        using var response = await person.GetAsync(own.Replace(BrokerHost.AppId, BrokerHost.OtherAppId, StringComparison.Ordinal));

        await ErrorPage.ReadAsync(response);
    }

    [Fact]
    public async Task Counts_nothing_else_on_the_address()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        const string More = "&scope=openai:models&state=forged&redirect_uri=https%3A%2F%2Fevil.example%2F&code_challenge=forged&prompt=none";

        var own = await person.TakeAsync(await app.PushedUrlAsync(new() { ["scope"] = "openai:chat" }) + More);
        var page = await ConsentPage.OpenAsync(person, own + More);

        own.Should().NotContain("forged").And.NotContain("evil");
        page.Values("Form.Scopes").Should().Equal("openai:chat");
        using var answer = await page.Set("redirect_uri", "https://evil.example/").Set("state", "forged").AnswerAsync();
        answer.Headers.Location!.GetLeftPart(UriPartial.Path).Should().Be(BrokerHost.RedirectUri);
        ConsentPage.ParametersOf(answer)["state"].Should().Be(app.State);
    }

    [Fact]
    public async Task Can_be_reloaded()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var own = await person.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync());
        await ConsentPage.OpenAsync(person, own);
        await ConsentPage.OpenAsync(person, own);

        var page = await ConsentPage.OpenAsync(person, own);

        using var wrong = await page.Set("Form.Budget", "nonsense").AnswerAsync();
        using var answer = await (await page.AgainAsync(wrong)).Set("Form.Budget", "3").AnswerAsync();
        ConsentPage.ParametersOf(answer).Should().ContainKey("code");
    }

    [Fact]
    public async Task Survives_a_sign_up_on_the_way()
    {
        using var person = new Person(Broker);
        var own = await person.TakeAsync(await new OAuthApp(Broker, BrokerHost.ParAppId).PushedUrlAsync());
        using var toSignIn = await person.GetAsync(own);
        var signIn = await person.GetAsync(toSignIn.Headers.Location!.ToString());
        var toSignUp = (await Person.ParseAsync(signIn)).QuerySelector("a[href^='/sign-up']")!.GetAttribute("href")!;

        using var signedUp = await person.PostAsync(toSignUp, new() { ["Email"] = person.Email, ["Password"] = Person.Password });

        signIn.Headers.GetValues("Content-Security-Policy").Single().Should().EndWith("form-action 'self' https://app.example");
        var page = await ConsentPage.OpenAsync(person, signedUp.Headers.Location!.ToString());
        using var answer = await page.Set("Form.NewKey", BrokerHost.NewKey()).AnswerAsync();
        ConsentPage.ParametersOf(answer).Should().ContainKey("code");
    }

    [Fact]
    public async Task Is_of_no_use_in_another_browser_once_it_is_taken()
    {
        using var person = await Person.WithKeyAsync(Broker);
        using var thief = await Person.WithKeyAsync(Broker);
        await thief.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync());
        var own = await person.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync());

        using var response = await thief.GetAsync(own);

        (await ErrorPage.ReadAsync(response)).Should().Contain("another browser");
    }

    [Fact]
    public async Task Gives_one_code()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var own = await person.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync());
        var page = await ConsentPage.OpenAsync(person, own);

        using var first = await page.AnswerAsync();
        using var second = await page.AnswerAsync();
        using var reload = await person.GetAsync(own);

        ConsentPage.ParametersOf(first).Should().ContainKey("code");
        (await ErrorPage.ReadAsync(second)).Should().Contain("answered before");
        (await ErrorPage.ReadAsync(reload)).Should().Contain("answered before");
    }

    [Fact]
    public async Task Gives_one_code_to_many_answers_at_a_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, await person.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync()));

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => page.AnswerAsync()));

        answers.Count(answer => ConsentPage.ParametersOf(answer).ContainsKey("code")).Should().Be(1);
    }

    [Fact]
    public async Task Keeps_two_tabs_apart()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var (one, other) = (new OAuthApp(Broker), new OAuthApp(Broker, BrokerHost.ParAppId));
        var first = await person.TakeAsync(await one.PushedUrlAsync());
        var second = await person.TakeAsync(await other.PushedUrlAsync());

        using var answer = await (await ConsentPage.OpenAsync(person, first)).AnswerAsync();
        using var otherAnswer = await (await ConsentPage.OpenAsync(person, second)).AnswerAsync();

        ConsentPage.ParametersOf(answer)["state"].Should().Be(one.State);
        ConsentPage.ParametersOf(otherAnswer)["state"].Should().Be(other.State);
    }

    [Fact]
    public async Task Ends_after_90_seconds_and_leaves_half_an_hour_to_who_came_in_time()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var (late, inTime) = (await app.PushedUrlAsync(), await app.PushedUrlAsync());

        clock.Advance(TimeSpan.FromSeconds(80));
        var own = await person.TakeAsync(inTime);
        clock.Advance(TimeSpan.FromSeconds(11));
        using var tooLate = await person.GetAsync(late);
        await ErrorPage.ReadAsync(tooLate);

        clock.Advance(TimeSpan.FromMinutes(29));
        await ConsentPage.OpenAsync(person, own);
        clock.Advance(TimeSpan.FromMinutes(2));
        using var muchLater = await person.GetAsync(own);
        (await ErrorPage.ReadAsync(muchLater)).Should().Contain("30 minutes");
    }

    [Fact]
    public async Task Is_the_only_way_for_an_app_that_must_push()
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker, BrokerHost.ParAppId).AuthorizeUrl());

        (await ErrorPage.ReadAsync(response)).Should().Contain("'request_uri'");
    }

    [Theory]
    [InlineData("urn:ietf:params:oauth:request_uri:unknown")]
    [InlineData("urn:tokenbroker:consent:unknown")]
    [InlineData("urn:tokenbroker:consent:019a0000000070008000000000000000")]
    [InlineData("https://evil.example/request.jwt")]
    [InlineData("http://169.254.169.254/latest")]
    public async Task Shows_a_page_where_the_request_uri_is_none_of_ours(string requestUri)
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(Pushing.UrlOf(BrokerHost.ParAppId, requestUri));

        await ErrorPage.ReadAsync(response);
    }

    [Fact]
    public async Task Does_not_let_an_unpushed_request_pass_for_a_pushed_one()
    {
        // The mark of the broker's own request_uri beside parameters that nobody pushed.
        using var person = await Person.WithKeyAsync(Broker);
        var url = new OAuthApp(Broker, BrokerHost.ParAppId).AuthorizeUrl(change: new() { ["request_uri"] = "urn:tokenbroker:consent:" });

        using var response = await person.GetAsync(url);

        await ErrorPage.ReadAsync(response);
    }

    [Fact]
    public async Task Goes_straight_back_where_a_grant_covers_it()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        await app.ConnectAsync(person);
        var own = await person.TakeAsync(await app.PushedUrlAsync());

        using var response = await person.GetAsync(own);

        ConsentPage.ParametersOf(response).Should().ContainKey("code").And.Contain("state", app.State);
    }

    [Fact]
    public async Task Answers_a_silent_request_without_a_page()
    {
        using var person = new Person(Broker);
        var own = await person.TakeAsync(await new OAuthApp(Broker).PushedUrlAsync(new() { ["prompt"] = "none" }));

        using var response = await person.GetAsync(own);

        ConsentPage.ParametersOf(response).Should().Contain("error", "login_required");
    }
}
