using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

[Trait("Checklist", "7")]
public sealed class Asking_for_scopes(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("openai:nonsense")]
    [InlineData("openai:chat openai:nonsense")]
    [InlineData("openai:organization")]
    [InlineData("OPENAI:CHAT")]
    [InlineData("anthropic:messages openai:chat")]
    public async Task Refuses_what_no_upstream_offers(string scope)
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["scope"] = scope }));

        (await ErrorPage.ReadAsync(response)).Should().Contain("invalid_scope");
    }

    [Theory]
    [InlineData("openid profile")]
    [InlineData("offline_access")]
    [InlineData(null)]
    public async Task Tells_the_app_that_it_must_ask_for_something_of_an_upstream(string? scope)
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["scope"] = scope }));

        response.StatusCode.Should().Be(HttpStatusCode.Found);
        ConsentPage.ParametersOf(response).Should().Contain("error", "invalid_scope").And.ContainKey("state").And.NotContainKey("code");
    }

    [Fact]
    public async Task Refuses_what_the_app_is_not_registered_for()
    {
        await using var broker = await BrokerHost.StartAsync(Only("openai:models", "offline_access"));
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);

        using var refused = await person.GetAsync(app.AuthorizeUrl("openai:models openai:chat"));
        using var allowed = await person.GetAsync(app.AuthorizeUrl("openai:models offline_access"));

        (await ErrorPage.ReadAsync(refused)).Should().Contain("scope", "the app may not ask for it");
        allowed.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Cannot_add_a_scope_when_the_code_is_exchanged()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person, "openai:models");

        using var response = await app.ExchangeAsync(code, new() { ["scope"] = "openai:models openai:chat" });

        if (response.StatusCode == HttpStatusCode.OK)
        {
            var tokens = await OAuthApp.ReadAsync(response);
            tokens.Scope.Should().NotContain("openai:chat");
            using var chat = await new Api(Broker, tokens.AccessToken).ChatAsync();
            (await Api.ErrorAsync(chat)).Code.Should().Be("insufficient_scope");
        }
        else
        {
            (await OAuthApp.ErrorAsync(response)).Should().BeOneOf("invalid_grant", "invalid_scope", "invalid_request");
        }
    }

    [Fact]
    public async Task Gives_no_refresh_token_without_offline_access()
    {
        using var person = await Person.WithKeyAsync(Broker);

        var tokens = await new OAuthApp(Broker).ConnectAsync(person, "openai:chat");

        tokens.RefreshToken.Should().BeEmpty();
    }

    /// <summary>The first app may ask for these scopes alone.</summary>
    private static Dictionary<string, string> Only(params string[] scopes) => Enumerable.Range(0, 11)
        .SelectMany(i => (string[])[$"Apps:0:Scopes:{i}", $"Apps:0:OptionalScopes:{i}"], (i, name) => (Name: name, Scope: scopes[i % scopes.Length]))
        .ToDictionary(one => one.Name, one => one.Scope);
}
