using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

/// <summary>When a person is asked, and when not: prompt, max_age, and grants that are there already.</summary>
public sealed class Asking_again(SharedBroker shared)
{
    private const string Scope = "openai:chat openai:models offline_access";

    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Does_not_ask_twice_for_an_app_that_proves_who_it_is()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        await app.ConnectAsync(person, Scope);

        using var second = await person.GetAsync(app.AuthorizeUrl("openai:chat offline_access"));

        second.StatusCode.Should().Be(HttpStatusCode.Found);
        using var response = await app.ExchangeAsync(ConsentPage.ParametersOf(second)["code"]);
        (await OAuthApp.ReadAsync(response)).Scope.Should().NotContain("openai:models", "the token has what was asked for this time");
    }

    [Fact]
    public async Task Asks_where_more_is_wanted_than_was_granted()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        await app.ConnectAsync(person, "openai:models offline_access");

        (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Scope))).Values("Form.Scopes").Should().Contain("openai:chat");
    }

    [Trait("Checklist", "10")]
    [Fact]
    public async Task Asks_every_time_for_an_app_that_anybody_can_pose_as()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, BrokerHost.PublicAppId);
        await app.ConnectAsync(person, Scope);

        (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Scope))).Text.Should().Contain("Public App");
        using var silent = await person.GetAsync(app.AuthorizeUrl(Scope, new() { ["prompt"] = "none" }));
        ConsentPage.ParametersOf(silent).Should().Contain("error", "consent_required");
    }

    [Theory]
    [InlineData("Pause")]
    [InlineData("Revoke")]
    public async Task Asks_once_the_grant_is_held_or_ended(string press)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        await app.ConnectAsync(person, Scope);
        await person.PressAsync("Test App", press);

        (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Scope))).Text.Should().Contain("Test App");
    }

    [Fact]
    public async Task Asks_where_the_app_wants_it_so()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        await app.ConnectAsync(person, Scope);

        (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Scope, new() { ["prompt"] = "consent" }))).Text.Should().Contain("Test App");
    }

    [Fact]
    public async Task Shows_nothing_where_the_app_wants_no_page()
    {
        var app = new OAuthApp(Broker);
        var silently = app.AuthorizeUrl(Scope, new() { ["prompt"] = "none" });
        using var visitor = new Person(Broker);
        using var person = await Person.WithKeyAsync(Broker);

        using var nobody = await visitor.GetAsync(silently);
        using var stranger = await person.GetAsync(silently);
        await app.ConnectAsync(person, Scope);
        using var known = await person.GetAsync(silently);

        ConsentPage.ParametersOf(nobody).Should().Contain("error", "login_required").And.Contain("state", app.State).And.ContainKey("iss");
        ConsentPage.ParametersOf(stranger).Should().Contain("error", "consent_required").And.Contain("state", app.State).And.ContainKey("iss");
        ConsentPage.ParametersOf(known).Should().ContainKey("code");
    }

    [Fact]
    public async Task Refuses_none_together_with_another_prompt()
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(Scope, new() { ["prompt"] = "none login" }));

        (await ErrorPage.ReadAsync(response)).Should().Contain("prompt");
    }

    [Theory]
    [InlineData("max_age", "60")]
    [InlineData("prompt", "login")]
    public async Task Asks_for_a_fresh_sign_in_where_the_app_wants_one(string parameter, string value)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        await app.ConnectAsync(person, Scope);
        clock.Advance(TimeSpan.FromMinutes(5));

        using var response = await person.GetAsync(app.AuthorizeUrl(Scope, new() { [parameter] = value }));

        response.StatusCode.Should().Be(HttpStatusCode.Found);
        var signIn = response.Headers.Location!.ToString();
        signIn.Should().StartWith("/sign-in?reauth=1&returnUrl=");
        using var signedIn = await person.PostAsync(signIn, new() { ["Email"] = person.Email, ["Password"] = Person.Password });
        using var back = await person.GetAsync(signedIn.Headers.Location!.ToString());
        ConsentPage.ParametersOf(back).Should().ContainKey("code", "the sign-in is fresh now, and is not asked for for ever");
    }

    [Fact]
    public async Task Is_content_with_a_sign_in_that_is_young_enough()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);

        using var response = await person.GetAsync(app.AuthorizeUrl(Scope, new() { ["max_age"] = "3600" }));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Gives_no_silent_answer_to_an_old_sign_in()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        await app.ConnectAsync(person, Scope);
        clock.Advance(TimeSpan.FromMinutes(5));

        using var response = await person.GetAsync(app.AuthorizeUrl(Scope, new() { ["prompt"] = "none", ["max_age"] = "60" }));

        ConsentPage.ParametersOf(response).Should().Contain("error", "login_required");
    }
}
