using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>A refresh token of the app that authenticates with a key. Refusals use up nothing, so that all tests try with it.</summary>
public sealed class KeyedRefreshToken(SharedBroker shared) : IAsyncLifetime
{
    private Person _person = null!;

    public string Value { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _person = await Person.WithKeyAsync(shared.Host);
        var app = new OAuthApp(shared.Host, BrokerHost.KeyedAppId);
        using var response = await app.ExchangeAsync(await app.CodeAsync(_person), ClientAssertions.For(shared.Host, BrokerHost.KeyedAppKey));
        Value = (await OAuthApp.ReadAsync(response)).RefreshToken;
    }

    public ValueTask DisposeAsync()
    {
        _person.Dispose();
        return default;
    }
}

/// <summary>Checklist 8: private_key_jwt (RFC 7523), <c>aud</c> the issuer only, <c>jti</c> once.</summary>
[Trait("Checklist", "8")]
public sealed class Authenticating_with_a_private_key(SharedBroker shared, KeyedRefreshToken token) : IClassFixture<KeyedRefreshToken>
{
    private static readonly Dictionary<string, Action<AssertionDraft>> All = new()
    {
        ["iss left out"] = d => d.Payload.Remove("iss"),
        ["iss of another app"] = d => d.Payload["iss"] = BrokerHost.OtherKeyedAppId,
        ["iss in another case"] = d => d.Payload["iss"] = BrokerHost.KeyedAppId.ToUpperInvariant(),
        ["sub left out"] = d => d.Payload.Remove("sub"),
        ["sub of another app"] = d => d.Payload["sub"] = BrokerHost.OtherKeyedAppId,
        ["iss and sub of another app"] = d => PoseAs(d, BrokerHost.OtherKeyedAppId),
        ["iss and sub of an app with a secret"] = d => PoseAs(d, BrokerHost.AppId),
        ["iss and sub of an app without credentials"] = d => PoseAs(d, BrokerHost.PublicAppId),
        ["iss and sub of nobody"] = d => PoseAs(d, "nobody"),
        ["aud left out"] = d => d.Payload.Remove("aud"),
        ["aud the token endpoint"] = d => d.Payload["aud"] = Audience(d) + "connect/token",
        ["aud another server"] = d => d.Payload["aud"] = "https://elsewhere.example/",
        ["aud a list of the issuer"] = d => d.Payload["aud"] = new JsonArray(Audience(d)),
        ["aud a list of the issuer and another"] = d => d.Payload["aud"] = new JsonArray(Audience(d), "https://elsewhere.example/"),
        ["aud a list of another and the issuer"] = d => d.Payload["aud"] = new JsonArray("https://elsewhere.example/", Audience(d)),
        ["aud with a query"] = d => d.Payload["aud"] = Audience(d) + "?x",
        ["aud in another case"] = d => d.Payload["aud"] = Audience(d).ToUpperInvariant(),
        ["aud twice"] = d => d.RawPayload = d.Payload.ToJsonString().Replace("{\"iss\"", "{\"aud\":\"https://elsewhere.example/\",\"iss\"", StringComparison.Ordinal),
        ["exp left out"] = d => d.Payload.Remove("exp"),
        ["exp past"] = d => d.Payload["exp"] = Iat(d) - 30,
        ["exp an hour ahead"] = d => d.Payload["exp"] = Iat(d) + 3600,
        ["exp a text"] = d => d.Payload["exp"] = (Iat(d) + 60).ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["iat ahead"] = d => d.Payload["iat"] = Iat(d) + 60,
        ["nbf ahead"] = d => d.Payload["nbf"] = Iat(d) + 60,
        ["jti left out"] = d => d.Payload.Remove("jti"),
        ["jti empty"] = d => d.Payload["jti"] = "",
        ["jti a number"] = d => d.Payload["jti"] = 5,
        ["jti too long"] = d => d.Payload["jti"] = new string('j', 257),
        ["typ of a DPoP proof"] = d => d.Header["typ"] = "dpop+jwt",
        ["typ of an access token"] = d => d.Header["typ"] = "at+jwt",
        ["crit"] = d => d.Header["crit"] = new JsonArray("b64"),
        ["alg left out"] = d => d.Header.Remove("alg"),
        ["alg none"] = d =>
        {
            d.Header["alg"] = "none";
            d.Then = text => text[..(text.LastIndexOf('.') + 1)];
        },
        ["alg HS256 under the public key"] = d =>
        {
            d.Header["alg"] = "HS256";
            d.Then = text => Macced(text, Encoding.UTF8.GetBytes(d.Key.Jwk.ToJsonString()));
        },
        ["alg HS256 under the coordinate"] = d =>
        {
            d.Header["alg"] = "HS256";
            d.Then = text => Macced(text, Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlDecode(d.Key.Jwk["x"]!.GetValue<string>()));
        },
        ["signature of another app"] = d => d.Key = BrokerHost.OtherKeyedAppKey,
        ["signature of a key in the header"] = d =>
        {
            d.Key = SigningKey.New();
            d.Header["jwk"] = d.Key.Jwk.DeepClone();
        },
        ["signature changed"] = d => d.Then = text => text[..^10] + (text[^10] == 'A' ? 'B' : 'A') + text[^9..],
        ["signature left out"] = d => d.Then = text => text[..(text.LastIndexOf('.') + 1)],
        ["payload changed"] = d => d.Then = text => text[..80] + (text[80] == 'A' ? 'B' : 'A') + text[81..],
        ["no JWT"] = d => d.Then = _ => "assertion",
        ["empty"] = d => d.Then = _ => "",
    };

    private BrokerHost Broker => shared.Host;

    public static IEnumerable<TheoryDataRow<string>> Changes => All.Keys.Select(name => new TheoryDataRow<string>(name));

    private OAuthApp App => new(Broker, BrokerHost.KeyedAppId);

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Is_refused_when_one_thing_is_changed(string change)
    {
        using var response = await App.RefreshAsync(token.Value, ClientAssertions.For(Broker, BrokerHost.KeyedAppKey, All[change]));

        ((int)response.StatusCode).Should().BeOneOf(400, 401);
        (await OAuthApp.ErrorAsync(response)).Should().BeOneOf(change == "empty" ? ["invalid_client", "invalid_request"] : ["invalid_client"], change);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("JWT")]
    [InlineData("jwt")]
    [InlineData("client-authentication+jwt")]
    public async Task Is_taken_with_the_types_that_clients_send(string? type)
    {
        await WorksAsync(d =>
        {
            if (type is not null)
            {
                d.Header["typ"] = type;
            }
        });
    }

    [Fact]
    public async Task Is_taken_with_the_issuer_without_its_slash()
    {
        await WorksAsync(d => d.Payload["aud"] = Broker.Address);
    }

    [Fact]
    public async Task Is_taken_with_the_issuer_that_discovery_announces()
    {
        using var http = Broker.NewClient();
        var discovery = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");

        await WorksAsync(d => d.Payload["aud"] = discovery.GetProperty("issuer").GetString());
    }

    [Fact]
    public async Task Needs_no_client_id_beside_the_assertion()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        var code = await app.CodeAsync(person);
        using var http = Broker.NewClient();
        var form = ClientAssertions.For(Broker, BrokerHost.KeyedAppKey);
        (form["grant_type"], form["code"], form["redirect_uri"], form["code_verifier"]) = ("authorization_code", code, BrokerHost.RedirectUri, app.Verifier);

        using var response = await http.PostAsync("/connect/token", new FormUrlEncodedContent(form!));

        (await OAuthApp.ReadAsync(response)).AccessToken.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Works_with_the_other_apps_rsa_key_for_the_other_app()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, BrokerHost.OtherKeyedAppId);

        using var response = await app.ExchangeAsync(
            await app.CodeAsync(person), ClientAssertions.For(Broker, BrokerHost.OtherKeyedAppKey, clientId: BrokerHost.OtherKeyedAppId));

        (await OAuthApp.ReadAsync(response)).AccessToken.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Is_the_only_way_for_an_app_with_a_key()
    {
        using var nothing = await App.RefreshAsync(token.Value);
        using var secret = await new OAuthApp(Broker, BrokerHost.KeyedAppId) { Secret = BrokerHost.AppSecret }.RefreshAsync(token.Value);
        using var publicKey = await new OAuthApp(Broker, BrokerHost.KeyedAppId) { Secret = BrokerHost.KeyedAppKey.Jwks }.RefreshAsync(token.Value);

        foreach (var response in (HttpResponseMessage[])[nothing, secret, publicKey])
        {
            (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_client");
        }
    }

    [Fact]
    public async Task Does_not_go_together_with_a_secret()
    {
        var form = ClientAssertions.For(Broker, BrokerHost.KeyedAppKey);
        form["client_secret"] = BrokerHost.AppSecret;

        using var response = await App.RefreshAsync(token.Value, form);

        response.StatusCode.Should().NotBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Works_once()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        var assertion = ClientAssertions.For(Broker, BrokerHost.KeyedAppKey);
        using var first = await app.ExchangeAsync(await app.CodeAsync(person), assertion);
        var tokens = await OAuthApp.ReadAsync(first);

        using var again = await app.RefreshAsync(tokens.RefreshToken, assertion);
        using var elsewhere = await app.RevokeAsync(tokens.AccessToken, assertion);

        (await OAuthApp.ErrorAsync(again)).Should().Be("invalid_client");
        (await OAuthApp.ErrorAsync(elsewhere)).Should().Be("invalid_client", "once means at all endpoints together");
    }

    [Fact]
    public async Task Works_once_of_twenty_at_a_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        using var first = await app.ExchangeAsync(await app.CodeAsync(person), ClientAssertions.For(Broker, BrokerHost.KeyedAppKey));
        var tokens = await OAuthApp.ReadAsync(first);
        var assertion = ClientAssertions.For(Broker, BrokerHost.KeyedAppKey);

        // Retries of a refresh would be answered alike: with the same assertion, only one may be.
        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.RefreshAsync(tokens.RefreshToken, new(assertion))));

        responses.Count(r => r.StatusCode == HttpStatusCode.OK).Should().Be(1);
        responses.Count(r => r.StatusCode == HttpStatusCode.Unauthorized).Should().Be(19);
    }

    [Fact]
    public async Task Is_not_used_up_by_a_forgery_with_its_jti()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        var code = await app.CodeAsync(person);
        void Change(AssertionDraft draft) => draft.Payload["jti"] = "guessed";
        using var forged = await app.ExchangeAsync(code, ClientAssertions.For(Broker, SigningKey.New(), Change));
        (await OAuthApp.ErrorAsync(forged)).Should().Be("invalid_client");

        using var real = await app.ExchangeAsync(code, ClientAssertions.For(Broker, BrokerHost.KeyedAppKey, Change));

        real.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Revokes()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        using var first = await app.ExchangeAsync(await app.CodeAsync(person), ClientAssertions.For(Broker, BrokerHost.KeyedAppKey));
        var tokens = await OAuthApp.ReadAsync(first);

        using var refused = await app.RevokeAsync(tokens.RefreshToken, ClientAssertions.For(Broker, SigningKey.New()));
        (await OAuthApp.ErrorAsync(refused)).Should().Be("invalid_client");
        using var revoked = await app.RevokeAsync(tokens.RefreshToken, ClientAssertions.For(Broker, BrokerHost.KeyedAppKey));

        revoked.StatusCode.Should().Be(HttpStatusCode.OK);
        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("pushed_authorization_request_endpoint")]
    [InlineData("introspection_endpoint")]
    public async Task Counts_at_the_other_endpoints(string name)
    {
        using var http = Broker.NewClient();
        var discovery = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");
        Assert.SkipUnless(discovery.TryGetProperty(name, out var address), $"There is no {name} here.");
        var app = App;
        Dictionary<string, string?> Form(SigningKey key) => new(ClientAssertions.For(Broker, key))
        {
            ["token"] = token.Value,
            ["response_type"] = "code",
            ["redirect_uri"] = BrokerHost.RedirectUri,
            ["scope"] = OAuthApp.DefaultScope,
            ["code_challenge"] = app.Challenge,
            ["code_challenge_method"] = "S256",
        };
        var path = new Uri(address.GetString()!).AbsolutePath;

        using var forged = await app.PostAsync(path, Form(SigningKey.New()));
        var form = Form(BrokerHost.KeyedAppKey);
        using var real = await app.PostAsync(path, new(form));
        using var again = await app.PostAsync(path, new(form));

        (await OAuthApp.ErrorAsync(forged)).Should().Be("invalid_client");
        real.IsSuccessStatusCode.Should().BeTrue(await real.Content.ReadAsStringAsync());
        (await OAuthApp.ErrorAsync(again)).Should().Be("invalid_client");
    }

    [Fact]
    public async Task Is_announced()
    {
        using var http = Broker.NewClient();
        var discovery = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");
        IEnumerable<string?> Strings(string name) => discovery.GetProperty(name).EnumerateArray().Select(e => e.GetString());

        Strings("token_endpoint_auth_methods_supported").Should().BeEquivalentTo("client_secret_basic", "client_secret_post", "private_key_jwt", "none");
        Strings("revocation_endpoint_auth_methods_supported").Should().Contain("private_key_jwt");
        Strings("token_endpoint_auth_signing_alg_values_supported").Should().Equal("ES256", "ES384", "RS256", "PS256");
        Strings("revocation_endpoint_auth_signing_alg_values_supported").Should().Equal("ES256", "ES384", "RS256", "PS256");
    }

    private async Task WorksAsync(Action<AssertionDraft> change)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;

        using var response = await app.ExchangeAsync(await app.CodeAsync(person), ClientAssertions.For(Broker, BrokerHost.KeyedAppKey, change));

        (await OAuthApp.ReadAsync(response)).AccessToken.Should().NotBeEmpty();
    }

    private static void PoseAs(AssertionDraft draft, string clientId) => (draft.Payload["iss"], draft.Payload["sub"]) = (clientId, clientId);

    private static string Audience(AssertionDraft draft) => draft.Payload["aud"]!.GetValue<string>();

    private static long Iat(AssertionDraft draft) => draft.Payload["iat"]!.GetValue<long>();

    private static string Macced(string text, byte[] secret)
    {
        var input = text[..text.LastIndexOf('.')];
        return $"{input}.{SigningKey.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(input)))}";
    }
}
