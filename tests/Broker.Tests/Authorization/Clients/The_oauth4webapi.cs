using System.Net;
using System.Text.Json;
using TokenBroker.Apps;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Authorization.Devices;
using TokenBroker.Tests.Clients;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Clients;

/// <summary>
/// <c>oauth4webapi</c> from npm, which checks every answer against the specifications and forgives nothing. The apps on it
/// are in <c>Clients/oauth4webapi/client.mjs</c>; here the person answers, and what the apps came to is asserted.
/// </summary>
public sealed class The_oauth4webapi(SharedBroker shared)
{
    private const string TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    private const string DeviceCode = "urn:ietf:params:oauth:grant-type:device_code";

    private BrokerHost Broker => shared.Host;

    private string Issuer => Broker.Address + "/";

    [Fact]
    public async Task Discovers_connects_calls_refreshes_introspects_and_revokes()
    {
        var app = await ClientApp.RegisterAsync(Broker, "Ledger", a => a.ClientSecret = ClientApp.NewSecret());
        using var client = await StartAsync("web", app);

        var discovered = await HearAsync(client, "discovered");
        await ApproveAsync(client);
        var tokens = await HearAsync(client, "tokens");
        var called = await HearAsync(client, "called");
        var refreshed = await HearAsync(client, "refreshed");
        var introspected = await HearAsync(client, "introspected");
        var revoked = await HearAsync(client, "revoked");
        await client.EndsWellAsync();

        Text(discovered, "issuer").Should().Be(Issuer);
        discovered.GetProperty("same").GetBoolean().Should().BeTrue("both documents describe one server");
        discovered.GetProperty("servers").EnumerateArray().Select(s => s.GetString()).Should().Equal(Issuer);

        // The library has checked issuer, audience, times, nonce and, by the JWKS, the signature.
        var claims = tokens.GetProperty("claims");
        Text(claims, "aud").Should().Be(app.ClientId);
        Text(claims, "nonce").Should().NotBeNullOrEmpty();
        Text(tokens, "type").Should().Be("bearer");
        called.GetProperty("models").GetInt32().Should().BePositive();
        Text(called, "answer").Should().Be(Reply.To("Hello from a client"));
        refreshed.GetProperty("another").GetBoolean().Should().BeTrue();
        refreshed.GetProperty("models").GetInt32().Should().BePositive();

        introspected.GetProperty("active").GetBoolean().Should().BeTrue();
        Text(introspected, "client_id").Should().Be(app.ClientId);
        Text(introspected, "sub").Should().Be(Text(claims, "sub"));
        Text(introspected.GetProperty("authorization_details")[0], "type").Should().Be("model_access");
        IsRefused(revoked);
        revoked.GetProperty("active").GetBoolean().Should().BeFalse();
    }

    [Fact]
    public async Task Pushes_its_request_and_proves_its_key_with_the_nonces_it_is_given()
    {
        using var client = await StartAsync("bound", await ClientApp.RegisterAsync(Broker, "Field Notes", a => a.DpopBoundAccessTokens = true));

        (await ApproveAsync(client)).Should().Contain("request_uri=").And.NotContain("code_challenge");
        var tokens = await HearAsync(client, "tokens");
        var called = await HearAsync(client, "called");
        var stolen = await HearAsync(client, "stolen");
        var refreshed = await HearAsync(client, "refreshed");
        var revoked = await HearAsync(client, "revoked");
        await client.EndsWellAsync();

        Text(tokens, "type").Should().Be("dpop");
        tokens.GetProperty("retries").GetInt32().Should().BePositive("the server asks for a nonce of its own");
        called.GetProperty("retries").GetInt32().Should().Be(1, "the gateway asks for a nonce of its own, once");
        called.GetProperty("models").GetInt32().Should().BePositive();
        Text(called, "answer").Should().Be(Reply.To("Hello from a client"));
        IsRefused(stolen.GetProperty("bearer"));
        stolen.GetProperty("key").GetProperty("status").GetInt32().Should().Be((int)HttpStatusCode.Unauthorized);
        Text(refreshed, "type").Should().Be("dpop");
        refreshed.GetProperty("another").GetBoolean().Should().BeTrue();
        refreshed.GetProperty("models").GetInt32().Should().BePositive();
        IsRefused(revoked);
    }

    [Fact]
    public async Task Waits_for_the_person_on_a_device()
    {
        var app = await ClientApp.RegisterAsync(Broker, "Wall Clock", a => (a.RedirectUris, a.GrantTypes) = ([], [DeviceCode, "refresh_token"]));
        using var client = await StartAsync("device", app);
        using var person = await Person.WithKeyAsync(Broker);

        var polled = await HearAsync(client, "polled");
        var shown = await HearAsync(client, "device");
        using var entered = await Device.EnterAsync(person, Text(shown, "code")!);
        var page = await Person.ParseAsync(entered);
        using var answered = await Device.AnswerAsync(person, page);
        await client.SayAsync("");
        var tokens = await HearAsync(client, "tokens");
        var refreshed = await HearAsync(client, "refreshed");
        await client.EndsWellAsync();

        polled.GetProperty("errors").EnumerateArray().Select(e => e.GetString()).Should().Equal("authorization_pending", "slow_down");
        Text(shown, "url").Should().Be(Broker.Address + "/connect/verify");
        page.QuerySelector("h1")!.TextContent.Should().Contain("Wall Clock");
        answered.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        Text(tokens, "scope")!.Split(' ').Should().BeEquivalentTo("openai:models", "offline_access");
        tokens.GetProperty("models").GetInt32().Should().BePositive();
        refreshed.GetProperty("models").GetInt32().Should().BePositive();
    }

    [Fact]
    public async Task Exchanges_its_token_for_a_smaller_one_that_dies_with_it()
    {
        using var client = await StartAsync("exchange", await ClientApp.RegisterAsync(Broker, "Dispatcher", a =>
        {
            a.ClientSecret = ClientApp.NewSecret();
            a.GrantTypes = ["authorization_code", "refresh_token", TokenExchange];
        }));

        await ApproveAsync(client);
        var child = await HearAsync(client, "child");
        var revoked = await HearAsync(client, "revoked");
        await client.EndsWellAsync();

        Text(child, "issued").Should().Be("urn:ietf:params:oauth:token-type:access_token");
        Text(child, "scope").Should().BeOneOf([null, "openai:models"], "it may be left out where it is what was asked for");
        child.GetProperty("expires").GetInt32().Should().BeInRange(1, 600);
        child.GetProperty("models").GetInt32().Should().BePositive();
        child.GetProperty("chat").GetProperty("status").GetInt32().Should().Be((int)HttpStatusCode.Forbidden);
        ErrorsOf(child.GetProperty("chat")).Should().Equal("insufficient_scope");
        IsRefused(revoked);
    }

    [Fact]
    public async Task Authenticates_with_a_key_of_its_own()
    {
        var key = SigningKey.New();
        var app = await ClientApp.RegisterAsync(Broker, "Night Shift", a => a.Jwks = key.Jwks);
        var jwk = key.Jwk.DeepClone().AsObject();
        jwk["d"] = key.PrivatePart;
        using var client = await StartAsync("keyed", app, new() { ["PRIVATE_JWK"] = jwk.ToJsonString() });

        await ApproveAsync(client);
        var tokens = await HearAsync(client, "tokens");
        var revoked = await HearAsync(client, "revoked");
        await client.EndsWellAsync();

        tokens.GetProperty("active").GetBoolean().Should().BeTrue();
        Text(tokens, "client").Should().Be(app.ClientId);
        tokens.GetProperty("models").GetInt32().Should().BePositive();
        IsRefused(revoked);
    }

    private Task<NodeProgram> StartAsync(string scenario, AppRegistration app, Dictionary<string, string?>? more = null) => NodeProgram.StartAsync(
        "oauth4webapi",
        "client.mjs",
        new(more ?? [])
        {
            ["SCENARIO"] = scenario,
            ["BASE"] = Broker.Address,
            ["CLIENT_ID"] = app.ClientId,
            ["CLIENT_SECRET"] = app.ClientSecret,
            ["REDIRECT_URI"] = BrokerHost.RedirectUri,
        });

    /// <summary>A new person goes where the app sends them, allows what it asks for, and is sent back.</summary>
    /// <returns>Where the app sent them.</returns>
    private async Task<string> ApproveAsync(NodeProgram client)
    {
        var url = Text(await HearAsync(client, "authorize"), "url")!;
        using var person = await Person.WithKeyAsync(Broker);
        using var answer = await (await ConsentPage.ArriveAsync(person, url)).AnswerAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther, await answer.Content.ReadAsStringAsync());
        ConsentPage.ParametersOf(answer)["iss"].Should().Be(Issuer);
        await client.SayAsync(answer.Headers.Location!.AbsoluteUri);
        return url;
    }

    private static async Task<JsonElement> HearAsync(NodeProgram client, string expected)
    {
        var said = JsonSerializer.Deserialize<JsonElement>(await client.HearAsync());
        said.GetProperty("event").GetString().Should().Be(expected, said.ToString());
        return said;
    }

    private static void IsRefused(JsonElement refusal)
    {
        refusal.GetProperty("status").GetInt32().Should().Be((int)HttpStatusCode.Unauthorized);
        ErrorsOf(refusal).Should().Contain("invalid_token");
    }

    private static IEnumerable<string?> ErrorsOf(JsonElement refusal) =>
        refusal.GetProperty("challenges").EnumerateArray().Select(c => Text(c, "error"));

    private static string? Text(JsonElement from, string name) => from.TryGetProperty(name, out var value) ? value.GetString() : null;
}
