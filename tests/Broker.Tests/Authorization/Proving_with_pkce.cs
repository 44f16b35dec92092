using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 2: RFC 7636 with S256, for every client.</summary>
[Trait("Checklist", "2")]
public sealed class Proving_with_pkce(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData(BrokerHost.AppId)]
    [InlineData(BrokerHost.PublicAppId)]
    public async Task Is_asked_of_every_app(string clientId)
    {
        using var person = await Person.SignedUpAsync(Broker);

        await IsRefusedAsync(person, new OAuthApp(Broker, clientId), new() { ["code_challenge"] = null, ["code_challenge_method"] = null });
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("s256")]
    [InlineData("S512")]
    [InlineData("none")]
    [InlineData(null)]
    public async Task Takes_no_method_but_S256(string? method)
    {
        using var person = await Person.SignedUpAsync(Broker);

        await IsRefusedAsync(person, new OAuthApp(Broker), new() { ["code_challenge_method"] = method });
    }

    [Fact]
    public async Task Refuses_a_method_without_a_challenge()
    {
        using var person = await Person.SignedUpAsync(Broker);

        await IsRefusedAsync(person, new OAuthApp(Broker), new() { ["code_challenge"] = null });
    }

    [Theory]
    [InlineData("code_challenge")]
    [InlineData("code_challenge_method")]
    public async Task Cannot_be_taken_out_of_the_consent_form(string field)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        using var response = await page.Set(field).AnswerAsync();

        (await ErrorPage.ReadAsync(response)).Should().Contain("invalid_request").And.Contain("code_challenge");
    }

    [Fact]
    public async Task Refuses_the_wrong_verifier()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        using var response = await app.ExchangeAsync(code, new() { ["code_verifier"] = new OAuthApp(Broker).Verifier });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Refuses_the_challenge_in_place_of_the_verifier()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        using var response = await app.ExchangeAsync(code, new() { ["code_verifier"] = app.Challenge });

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task Refuses_an_exchange_without_a_verifier(string? verifier)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        using var response = await app.ExchangeAsync(code, new() { ["code_verifier"] = verifier });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().BeOneOf("invalid_grant", "invalid_request");
    }

    private static async Task IsRefusedAsync(Person person, OAuthApp app, Dictionary<string, string?> change)
    {
        using var response = await person.GetAsync(app.AuthorizeUrl(change: change));
        (await ErrorPage.ReadAsync(response)).Should().Contain("invalid_request").And.Contain("code_challenge");
    }
}
