using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Authorization.Registration;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Discovery;

/// <summary>Checklist 4: RFC 8414 metadata, in which nothing is promised that does not hold.</summary>
[Trait("Checklist", "4")]
public sealed class Describing_the_server(SharedBroker shared, SelfServiceBroker open) : IClassFixture<SelfServiceBroker>
{
    [Fact]
    public async Task Says_the_same_at_both_addresses()
    {
        using var http = shared.Host.NewClient();

        using var oauth = await http.GetAsync(new Uri("/.well-known/oauth-authorization-server", UriKind.Relative));
        using var openid = await http.GetAsync(new Uri("/.well-known/openid-configuration", UriKind.Relative));

        oauth.StatusCode.Should().Be(HttpStatusCode.OK);
        oauth.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
        (await oauth.Content.ReadAsStringAsync()).Should().Be(await openid.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Has_an_issuer_that_a_parser_of_addresses_gives_back_unchanged()
    {
        var issuer = (await MetadataAsync(shared.Host)).GetProperty("issuer").GetString()!;

        issuer.Should().Be(shared.Host.Address + "/", "a URL without a path is normalised to this by every client that parses it");
        new Uri(issuer).AbsoluteUri.Should().Be(issuer);
    }

    [Fact]
    public async Task Names_endpoints_that_are_there()
    {
        var metadata = await MetadataAsync(open.Host);
        using var http = open.Host.NewClient();
        var endpoints = metadata.EnumerateObject().Where(member => member.Name.EndsWith("_endpoint", StringComparison.Ordinal) || member.Name == "jwks_uri").ToList();
        endpoints.Select(endpoint => endpoint.Name).Should().Contain(["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri", "registration_endpoint"]);

        foreach (var endpoint in endpoints)
        {
            using var response = endpoint.Name is "authorization_endpoint" or "jwks_uri"
                ? await http.GetAsync(endpoint.Value.GetString())
                : await http.PostAsync(endpoint.Value.GetString(), new FormUrlEncodedContent([]));

            response.StatusCode.Should().NotBe(HttpStatusCode.NotFound, endpoint.Name).And.NotBe(HttpStatusCode.MethodNotAllowed, endpoint.Name);
            ((int)response.StatusCode).Should().BeLessThan(500, endpoint.Name);
        }
    }

    [Fact]
    public async Task Promises_no_registration_where_there_is_none()
    {
        var metadata = await MetadataAsync(shared.Host);

        metadata.TryGetProperty("registration_endpoint", out _).Should().BeFalse();
        metadata.TryGetProperty("client_id_metadata_document_supported", out _).Should().BeFalse();
        (await MetadataAsync(open.Host)).GetProperty("client_id_metadata_document_supported").GetBoolean().Should().BeTrue();
    }

    [Fact]
    public async Task Names_every_way_to_authenticate_and_public_clients_too()
    {
        var metadata = await MetadataAsync(shared.Host);

        Strings(metadata, "token_endpoint_auth_methods_supported").Should().BeEquivalentTo("none", "client_secret_basic", "client_secret_post", "private_key_jwt");
        Strings(metadata, "token_endpoint_auth_signing_alg_values_supported").Should().Contain("ES256").And.NotContain(["none", "HS256"]);
    }

    [Fact]
    public async Task Names_the_resources_that_its_tokens_are_for()
    {
        var metadata = await MetadataAsync(shared.Host);
        using var http = shared.Host.NewClient();

        var resource = Strings(metadata, "protected_resources").Should().ContainSingle().Subject;
        var its = await http.GetFromJsonAsync<JsonElement>(resource.Replace("/openai", "/.well-known/oauth-protected-resource/openai", StringComparison.Ordinal));

        its.GetProperty("resource").GetString().Should().Be(resource);
        Strings(its, "authorization_servers").Should().Equal(metadata.GetProperty("issuer").GetString());
    }

    [Fact]
    public async Task Names_scopes_that_an_app_can_get_every_one_of()
    {
        var metadata = await MetadataAsync(open.Host);
        var app = await RegisteredApp.NewAsync(open.Host, new() { ["scope"] = string.Join(' ', Strings(metadata, "scopes_supported")) });

        app.Json.GetProperty("scope").GetString()!.Split(' ').Should().BeEquivalentTo(Strings(metadata, "scopes_supported"));
    }

    [Fact]
    public async Task Names_prompts_that_are_heeded()
    {
        var metadata = await MetadataAsync(shared.Host);

        Strings(metadata, "prompt_values_supported").Should().BeEquivalentTo("none", "login", "consent");
    }

    private static List<string> Strings(JsonElement metadata, string name) => [.. metadata.GetProperty(name).EnumerateArray().Select(e => e.GetString()!)];

    private static async Task<JsonElement> MetadataAsync(BrokerHost host)
    {
        using var http = host.NewClient();
        return await http.GetFromJsonAsync<JsonElement>("/.well-known/oauth-authorization-server");
    }
}
