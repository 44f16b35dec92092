using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>RFC 7591: from a request to an app that people can connect.</summary>
public sealed class Registering_itself(SelfServiceBroker open) : IClassFixture<SelfServiceBroker>
{
    public static TheoryData<string> Algorithms => ["ES256", "ES384", "RS256", "PS256"];

    private BrokerHost Broker => open.Host;

    [Theory]
    [InlineData(null, true)]
    [InlineData("client_secret_basic", true)]
    [InlineData("none", false)]
    public async Task Gives_an_app_that_works(string? method, bool hasSecret)
    {
        var app = await RegisteredApp.NewAsync(Broker, new() { ["token_endpoint_auth_method"] = method });
        using var person = await Person.WithKeyAsync(Broker);

        var tokens = await app.OAuth.ConnectAsync(person);
        using var refreshed = await app.OAuth.RefreshAsync(tokens.RefreshToken);
        using var models = await new Api(Broker, tokens.AccessToken).GetAsync("/models");

        (app.Secret is not null).Should().Be(hasSecret);
        refreshed.StatusCode.Should().Be(HttpStatusCode.OK);
        models.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Takes_the_secret_in_the_form_too()
    {
        var app = await RegisteredApp.NewAsync(Broker, new() { ["token_endpoint_auth_method"] = "client_secret_post" });

        using var right = await TokenAsync(new() { ["client_id"] = app.ClientId, ["client_secret"] = app.Secret! });
        using var wrong = await TokenAsync(new() { ["client_id"] = app.ClientId, ["client_secret"] = new string('x', 43) });

        app.Json.GetProperty("token_endpoint_auth_method").GetString().Should().Be("client_secret_post");
        (await OAuthApp.ErrorAsync(right)).Should().Be("invalid_grant", "the client is who it says; the code is nonsense");
        (await OAuthApp.ErrorAsync(wrong)).Should().Be("invalid_client");
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public async Task Takes_a_signed_assertion_in_every_algorithm_that_is_announced(string algorithm)
    {
        using var keys = new ClientKeys(algorithm);
        var app = await RegisteredApp.NewAsync(Broker, new() { ["token_endpoint_auth_method"] = "private_key_jwt", ["jwks"] = JsonNode.Parse(keys.PublicSet) });
        using var others = new ClientKeys(algorithm);

        using var right = await TokenAsync(Assertion(app, keys));
        using var forged = await TokenAsync(Assertion(app, others));
        using var none = await TokenAsync(new() { ["client_id"] = app.ClientId });

        app.Secret.Should().BeNull();
        app.Json.GetProperty("jwks").GetProperty("keys").GetArrayLength().Should().Be(1);
        (await OAuthApp.ErrorAsync(right)).Should().Be("invalid_grant", "the client is who it says; the code is nonsense");
        (await OAuthApp.ErrorAsync(forged)).Should().BeOneOf("invalid_client", "invalid_token");
        (await OAuthApp.ErrorAsync(none)).Should().Be("invalid_client");
    }

    [Fact]
    public async Task Answers_with_what_was_registered_in_truth()
    {
        using var response = await RegisteredApp.RegisterAsync(Broker, RegisteredApp.Metadata(new()
        {
            ["client_uri"] = "https://notes.example/",
            ["logo_uri"] = "https://notes.example/logo.png",
            ["tos_uri"] = "https://notes.example/terms",
            ["policy_uri"] = "https://notes.example/policy",
            ["contacts"] = new JsonArray("dev@notes.example"),
            ["scope"] = "openai:chat offline_access",
            ["application_type"] = "native",
            ["redirect_uris"] = new JsonArray("http://127.0.0.1/callback", "example.notes:/callback"),
            ["grant_types"] = new JsonArray("authorization_code"),
            ["response_types"] = new JsonArray("code"),
            ["dpop_bound_access_tokens"] = true,
            ["require_pushed_authorization_requests"] = true,
            ["something_of_tomorrow"] = new JsonObject { ["x"] = 1 },
        }).ToJsonString());
        var app = (await RegisteredApp.ReadAsync(Broker, response, HttpStatusCode.Created)).Json;

        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        app.GetProperty("client_secret").GetString()!.Length.Should().BeGreaterThanOrEqualTo(43, "256 bits");
        app.GetProperty("client_secret_expires_at").GetInt64().Should().Be(0);
        app.GetProperty("client_id_issued_at").GetInt64().Should().BeCloseTo(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), 60);
        app.GetProperty("client_uri").GetString().Should().Be("https://notes.example/");
        app.GetProperty("scope").GetString().Should().Be("offline_access openai:chat");
        app.GetProperty("application_type").GetString().Should().Be("native");
        app.GetProperty("redirect_uris").EnumerateArray().Select(e => e.GetString()).Should().BeEquivalentTo("http://127.0.0.1/callback", "example.notes:/callback");
        app.GetProperty("grant_types").EnumerateArray().Select(e => e.GetString()).Should().BeEquivalentTo("authorization_code", "refresh_token");
        app.GetProperty("dpop_bound_access_tokens").GetBoolean().Should().BeTrue();
        app.GetProperty("require_pushed_authorization_requests").GetBoolean().Should().BeTrue();
        foreach (var ignored in (string[])["logo_uri", "tos_uri", "policy_uri", "contacts", "something_of_tomorrow"])
        {
            app.TryGetProperty(ignored, out _).Should().BeFalse(ignored);
        }
    }

    [Fact]
    public async Task Has_nobody_vouch_for_it()
    {
        var registered = await RegisteredApp.NewAsync(Broker);

        var app = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == registered.ClientId));
        var recorded = await Broker.WithDatabaseAsync(db => db.AuditEvents.AsNoTracking().SingleAsync(e => e.Target == $"app:{app.Id}"));

        app.Source.Should().Be(AppSource.DynamicRegistration);
        app.ReviewStatus.Should().Be(ReviewStatus.Unreviewed);
        app.OwnerId.Should().BeNull();
        app.OptionalScopes.Should().BeEquivalentTo(AppDetails.Of(app).Scopes, "people may untick whatever it asks for").And.Contain("openai:chat");
        app.RegistrationTokenHash.Should().Equal(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(registered.ManagementToken)));
        app.ClientSecret.Should().NotContain(registered.Secret);
        (recorded.Action, recorded.Actor).Should().Be(("app.registered", "anonymous"));
        recorded.Detail.Should().NotContain(registered.Secret).And.NotContain(registered.ManagementToken);
    }

    [Fact]
    public async Task Gives_each_its_own_id_and_secret()
    {
        var one = await RegisteredApp.NewAsync(Broker, new() { ["client_id"] = BrokerHost.AppId, ["client_secret"] = new string('s', 43) });
        var other = await RegisteredApp.NewAsync(Broker);

        one.ClientId.Should().NotBe(BrokerHost.AppId).And.NotBe(other.ClientId);
        one.Secret.Should().NotBe(new string('s', 43)).And.NotBe(other.Secret);
    }

    private async Task<HttpResponseMessage> TokenAsync(Dictionary<string, string> form)
    {
        using var http = Broker.NewClient();
        var code = new Dictionary<string, string> { ["grant_type"] = "authorization_code", ["code"] = "x", ["redirect_uri"] = BrokerHost.RedirectUri, ["code_verifier"] = new string('v', 43) };
        return await http.PostAsync(new Uri("/connect/token", UriKind.Relative), new FormUrlEncodedContent(code.Concat(form)));
    }

    private Dictionary<string, string> Assertion(RegisteredApp app, ClientKeys keys) => new()
    {
        ["client_id"] = app.ClientId,
        ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ["client_assertion"] = keys.Sign(app.ClientId, Broker.Address + "/"),
    };
}
