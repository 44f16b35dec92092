using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>RFC 7591, section 3.2.2: what is not accepted, and that it leaves nothing behind.</summary>
[Trait("Checklist", "1")]
public sealed class Refusing_a_registration(SharedBroker shared, SelfServiceBroker open) : IClassFixture<SelfServiceBroker>
{
    private const string PublicKey = """{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}""";
    private const string PrivateKey = """{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}""";

    public static TheoryData<string, string, string> Bad => new()
    {
        { "redirect_uris", "[]", "invalid_redirect_uri" },
        { "redirect_uris", "null", "invalid_redirect_uri" },
        { "redirect_uris", """["http://app.example/cb"]""", "invalid_redirect_uri" },
        { "redirect_uris", """["http://loopback/cb"]""", "invalid_redirect_uri" },
        { "redirect_uris", """["https://app.example/cb#part"]""", "invalid_redirect_uri" },
        { "redirect_uris", """["https://user@app.example/cb"]""", "invalid_redirect_uri" },
        { "redirect_uris", """["https://app.example/cb", "javascript:alert(1)"]""", "invalid_redirect_uri" },
        { "redirect_uris", """["myapp://callback"]""", "invalid_redirect_uri" },
        { "redirect_uris", """["/callback"]""", "invalid_redirect_uri" },
        { "redirect_uris", "\"https://app.example/cb\"", "invalid_client_metadata" },
        { "redirect_uris", "[1]", "invalid_client_metadata" },
        { "client_name", "null", "invalid_client_metadata" },
        { "client_name", "\"  \"", "invalid_client_metadata" },
        { "client_name", "7", "invalid_client_metadata" },
        { "client_name", "\"Field\\nNotes\"", "invalid_client_metadata" },
        { "client_name", "\"Field\\u202eNotes\"", "invalid_client_metadata" },
        { "client_name", $"\"{new string('x', 61)}\"", "invalid_client_metadata" },
        { "client_uri", "\"javascript:alert(1)\"", "invalid_client_metadata" },
        { "client_uri", "\"http://app.example\"", "invalid_client_metadata" },
        { "scope", "\"openai:chat admin\"", "invalid_client_metadata" },
        { "scope", """["openai:chat"]""", "invalid_client_metadata" },
        { "token_endpoint_auth_method", "\"tls_client_auth\"", "invalid_client_metadata" },
        { "token_endpoint_auth_method", "\"client_secret_jwt\"", "invalid_client_metadata" },
        { "token_endpoint_auth_method", "\"private_key_jwt\"", "invalid_client_metadata" },
        { "grant_types", """["implicit"]""", "invalid_client_metadata" },
        { "grant_types", """["authorization_code","client_credentials"]""", "invalid_client_metadata" },
        { "grant_types", """["password"]""", "invalid_client_metadata" },
        { "response_types", """["code","token"]""", "invalid_client_metadata" },
        { "response_types", """["code id_token"]""", "invalid_client_metadata" },
        { "application_type", "\"other\"", "invalid_client_metadata" },
        { "jwks_uri", "\"https://app.example/jwks\"", "invalid_client_metadata" },
        { "jwks", PublicKey, "invalid_client_metadata" },
        { "software_statement", "\"eyJhbGciOiJub25lIn0.e30.\"", "invalid_client_metadata" },
        { "dpop_bound_access_tokens", "\"yes\"", "invalid_client_metadata" },
        { "authorization_details_types", """["payment_initiation"]""", "invalid_client_metadata" },
        { "require_signed_request_object", "true", "invalid_client_metadata" },
        { "id_token_signed_response_alg", "\"none\"", "invalid_client_metadata" },
        { "subject_type", "\"pairwise\"", "invalid_client_metadata" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task For_what_a_client_says_of_itself(string member, string value, string error)
    {
        var before = await CountAsync();

        using var response = await RegisteredApp.RegisterAsync(open.Host, RegisteredApp.Metadata(new() { [member] = JsonNode.Parse(value) }).ToJsonString());

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        var refusal = await RegisteredApp.RefusalAsync(response);
        refusal.Error.Should().Be(error);
        refusal.Description.Should().NotBeEmpty().And.MatchRegex("^[ -~]+$");
        (await CountAsync()).Should().Be(before, "what is refused leaves nothing behind");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/connect/authorize?client_id=other-app")]
    public async Task For_an_app_that_would_be_the_broker(string path)
    {
        using var response = await RegisteredApp.RegisterAsync(
            open.Host, RegisteredApp.Metadata(new() { ["redirect_uris"] = new JsonArray(open.Host.Address + path) }).ToJsonString());

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest, "the consent page would name the broker as the place that people return to");
        (await RegisteredApp.RefusalAsync(response)).Error.Should().Be("invalid_redirect_uri");
    }

    [Theory]
    [InlineData(PrivateKey)]
    [InlineData("""{"keys":[]}""")]
    [InlineData("""{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}""")]
    [InlineData("""{"nothing":1}""")]
    public async Task For_keys_that_are_not_public(string jwks)
    {
        using var response = await RegisteredApp.RegisterAsync(
            open.Host, RegisteredApp.Metadata(new() { ["token_endpoint_auth_method"] = "private_key_jwt", ["jwks"] = JsonNode.Parse(jwks) }).ToJsonString());

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await RegisteredApp.RefusalAsync(response)).Error.Should().Be("invalid_client_metadata");
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("""{"client_name":"A","client_name":"B","redirect_uris":["https://app.example/callback"]}""")]
    [InlineData("""{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}}}}}}}}""")]
    public async Task For_a_body_that_cannot_be_read_in_one_way(string body)
    {
        using var response = await RegisteredApp.RegisterAsync(open.Host, body);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await RegisteredApp.RefusalAsync(response)).Error.Should().Be("invalid_client_metadata");
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("text/plain")]
    public async Task For_a_type_that_a_form_of_another_site_could_post(string contentType)
    {
        using var response = await RegisteredApp.RegisterAsync(open.Host, RegisteredApp.Metadata().ToJsonString(), contentType: contentType);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task For_a_body_of_more_than_16_KB()
    {
        using var fits = await RegisteredApp.RegisterAsync(open.Host, RegisteredApp.Metadata(new() { ["x"] = new string('x', 16_000) }).ToJsonString());
        using var response = await RegisteredApp.RegisterAsync(open.Host, RegisteredApp.Metadata(new() { ["x"] = new string('x', 16_400) }).ToJsonString());

        fits.StatusCode.Should().Be(HttpStatusCode.Created);
        response.StatusCode.Should().Be(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task Altogether_unless_the_operator_allows_it()
    {
        using var post = await RegisteredApp.RegisterAsync(shared.Host, RegisteredApp.Metadata().ToJsonString());
        using var get = await RegisteredApp.SendAsync(shared.Host, HttpMethod.Get, RegisteredApp.Endpoint + "/" + BrokerHost.AppId, "x");

        post.StatusCode.Should().Be(HttpStatusCode.NotFound);
        get.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Without_the_token_that_the_operator_hands_out_and_beyond_so_many_in_an_hour()
    {
        const string Token = "0123456789012345678901234567890123456789012";
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Registration:Dynamic:Enabled"] = "true",
            ["Registration:Dynamic:InitialAccessToken"] = Token,
            ["Registration:Dynamic:PerHour"] = "4",
        });
        var body = RegisteredApp.Metadata().ToJsonString();

        using var none = await RegisteredApp.RegisterAsync(broker, body);
        using var wrong = await RegisteredApp.RegisterAsync(broker, body, Token[..^1] + "x");
        using var right = await RegisteredApp.RegisterAsync(broker, body, Token);
        using var again = await RegisteredApp.RegisterAsync(broker, body, Token);
        using var tooMany = await RegisteredApp.RegisterAsync(broker, body, Token);

        none.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        none.Headers.WwwAuthenticate.ToString().Should().Be("Bearer");
        wrong.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        wrong.Headers.WwwAuthenticate.ToString().Should().Contain("invalid_token");
        right.StatusCode.Should().Be(HttpStatusCode.Created);
        again.StatusCode.Should().Be(HttpStatusCode.Created);
        tooMany.StatusCode.Should().Be(HttpStatusCode.TooManyRequests, "guesses at the token count as well");
        tooMany.Headers.RetryAfter.Should().NotBeNull();
    }

    [Theory]
    [InlineData("Registration:Dynamic:InitialAccessToken", "too-short", "openssl rand -base64 32")]
    [InlineData("Registration:MetadataDocuments:AllowedNetworks:0", "somewhere", "not a network such as")]
    [InlineData("Registration:MetadataDocuments:TrustedCertificates", "/nowhere/at-all.pem", "cannot be read as PEM")]
    public async Task Stops_the_start_where_the_settings_are_wrong(string setting, string value, string says)
    {
        var start = () => BrokerHost.StartAsync(new() { [setting] = value });

        (await start.Should().ThrowAsync<Microsoft.Extensions.Options.OptionsValidationException>()).Which.Message.Should().Contain(says).And.NotContain("too-short");
    }

    private Task<int> CountAsync() => open.Host.WithDatabaseAsync(db => db.Apps.CountAsync());
}
