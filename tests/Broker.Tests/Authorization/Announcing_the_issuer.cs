using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 4: RFC 9207's <c>iss</c>, and what discovery promises (RFC 8414).</summary>
[Trait("Checklist", "4")]
public sealed class Announcing_the_issuer(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Is_in_a_success_byte_for_byte_as_in_discovery()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        using var response = await page.AnswerAsync();

        var parameters = ConsentPage.ParametersOf(response);
        parameters.Should().ContainKey("code");
        parameters["iss"].Should().Be((await DiscoveryAsync()).GetProperty("issuer").GetString());
    }

    [Theory]
    [InlineData("scope", "openid", "invalid_scope")]
    [InlineData("prompt", "none", "login_required")]
    public async Task Is_in_every_error_that_the_app_is_told(string parameter, string value, string error)
    {
        using var visitor = new Person(Broker);

        using var response = await visitor.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { [parameter] = value }));

        response.StatusCode.Should().Be(HttpStatusCode.Found);
        var parameters = ConsentPage.ParametersOf(response);
        parameters.Should().Contain("error", error);
        parameters["iss"].Should().Be((await DiscoveryAsync()).GetProperty("issuer").GetString());
    }

    [Fact]
    public async Task Promises_in_discovery_only_what_is_offered()
    {
        var discovery = await DiscoveryAsync();

        Strings("code_challenge_methods_supported").Should().Equal("S256");
        Strings("response_types_supported").Should().Equal("code");
        Strings("response_modes_supported").Should().Equal("query");
        Strings("grant_types_supported").Should().Contain(["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"])
            .And.NotIntersectWith(["implicit", "password", "client_credentials"]);
        discovery.GetProperty("authorization_response_iss_parameter_supported").GetBoolean().Should().BeTrue();
        Strings("scopes_supported").Should().Contain(["openai:chat", "openid", "offline_access"]);
        foreach (var endpoint in (string[])["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"])
        {
            discovery.GetProperty(endpoint).GetString().Should().StartWith(Broker.Address + "/");
        }

        IEnumerable<string?> Strings(string name) => discovery.GetProperty(name).EnumerateArray().Select(e => e.GetString());
    }

    [Fact]
    public async Task Publishes_no_private_key()
    {
        using var http = Broker.NewClient();
        var address = (await DiscoveryAsync()).GetProperty("jwks_uri").GetString();

        var keys = (await http.GetFromJsonAsync<JsonElement>(address)).GetProperty("keys").EnumerateArray().ToList();

        keys.Should().NotBeEmpty();
        foreach (var key in keys)
        {
            key.EnumerateObject().Select(p => p.Name).Should().NotIntersectWith(["d", "p", "q", "dp", "dq", "qi", "k"]);
        }
    }

    private async Task<JsonElement> DiscoveryAsync()
    {
        using var http = Broker.NewClient();
        return await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");
    }
}
