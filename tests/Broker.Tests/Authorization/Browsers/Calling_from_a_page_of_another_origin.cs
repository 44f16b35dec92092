using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Browsers;

/// <summary>Checklist 11: the authorization endpoint answers no CORS, the token endpoint registered origins alone.</summary>
[Trait("Checklist", "11")]
public sealed class Calling_from_a_page_of_another_origin(SharedBroker shared)
{
    /// <summary>The origin of the public web app's redirect URI.</summary>
    private const string Registered = "https://app.example";

    private BrokerHost Broker => shared.Host;

    public static TheoryData<string, string> ForApps => new()
    {
        { "POST", "/connect/token" },
        { "POST", "/connect/par" },
        { "POST", "/connect/revoke" },
        { "POST", "/connect/device" },
        { "POST", "/openai/v1/chat/completions" },
        { "GET", "/openai/v1/models" },
        { "DELETE", "/openai/v1/files/file-1" },
        { "GET", "/api/v1/grant" },
    };

    public static TheoryData<string, string> ForNobody => new()
    {
        { "GET", "/connect/authorize" },
        { "POST", "/connect/authorize" },
        { "POST", "/connect/introspect" },
        { "GET", "/connect/verify" },
        { "POST", "/connect/verify" },
        { "GET", "/sign-in" },
        { "POST", "/sign-in" },
        { "POST", "/keys" },
        { "GET", "/" },
        { "GET", "/api/v1/grants" },
        { "GET", "/health/ready" },
    };

    public static TheoryData<string> ForEverybody => ["/.well-known/openid-configuration", "/.well-known/jwks"];

    public static TheoryData<string> Strangers =>
    [
        "null",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://APP.example",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://sub.app.example",
        "https://app.example/",
        "https://app.example,https://evil.example",
        "https://native.example",
        "http://127.0.0.1",
        "*",
    ];

    [Theory]
    [MemberData(nameof(ForApps))]
    public async Task Is_allowed_to_a_registered_origin(string method, string path)
    {
        using var preflight = await PreflightAsync(path, method, Registered, "authorization,content-type,dpop,x-stainless-lang,X-Stainless-Retry-Count");

        preflight.StatusCode.Should().Be(HttpStatusCode.NoContent);
        Value(preflight, "Access-Control-Allow-Origin").Should().Be(Registered);
        Value(preflight, "Access-Control-Allow-Methods").Should().Contain(method);
        Value(preflight, "Access-Control-Allow-Headers")!.Split(',').Should().BeEquivalentTo("authorization", "content-type", "dpop", "x-stainless-lang", "X-Stainless-Retry-Count");
        preflight.Headers.Contains("Access-Control-Allow-Credentials").Should().BeFalse("cookies are never part of it");
        Value(preflight, "Vary").Should().Contain("Origin");
    }

    [Theory]
    [MemberData(nameof(ForApps))]
    public async Task Can_read_refusals_with_what_it_needs_to_act_on_them(string method, string path)
    {
        using var response = await CallAsync(path, method, Registered);

        response.IsSuccessStatusCode.Should().BeFalse();
        Value(response, "Access-Control-Allow-Origin").Should().Be(Registered);
        Value(response, "Access-Control-Expose-Headers")!.Split(',').Should().Contain(["DPoP-Nonce", "WWW-Authenticate", "Retry-After", "X-Request-Id"]);
        response.Headers.Contains("Access-Control-Allow-Credentials").Should().BeFalse();
    }

    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task Is_never_allowed_to_another_origin(string origin)
    {
        foreach (var row in ForApps)
        {
            var (method, path) = row.Data;
            using var preflight = await PreflightAsync(path, method, origin, "authorization");
            using var response = await CallAsync(path, method, origin);

            HasNoCors(preflight, path);
            HasNoCors(response, path);
        }
    }

    [Theory]
    [MemberData(nameof(ForNobody))]
    public async Task Is_allowed_to_nobody_elsewhere(string method, string path)
    {
        using var preflight = await PreflightAsync(path, method, Registered, "authorization");
        using var response = await CallAsync(path, method, Registered);

        HasNoCors(preflight, path);
        HasNoCors(response, path);
    }

    [Fact]
    public async Task Never_reads_the_answer_of_the_authorization_endpoint()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var request = new HttpRequestMessage(HttpMethod.Get, new OAuthApp(Broker, BrokerHost.PublicAppId).AuthorizeUrl());
        request.Headers.Add("Origin", Registered);

        using var response = await person.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        HasNoCors(response, "the consent page");
    }

    [Theory]
    [MemberData(nameof(ForEverybody))]
    public async Task Reads_what_is_public_from_anywhere(string path)
    {
        using var response = await CallAsync(path, "GET", "https://anybody.example");

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        Value(response, "Access-Control-Allow-Origin").Should().Be("*");
    }

    [Fact]
    public async Task May_send_no_header_that_is_not_on_the_list()
    {
        using var preflight = await PreflightAsync("/openai/v1/models", "GET", Registered, "authorization,x-http-method-override,openai-organization,cookie");

        Value(preflight, "Access-Control-Allow-Headers").Should().Be("authorization");
    }

    [Fact]
    public async Task Gets_tokens_and_calls_the_gateway()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, BrokerHost.PublicAppId);
        var code = await app.CodeAsync(person);
        using var http = Broker.NewClient();
        var exchange = new HttpRequestMessage(HttpMethod.Post, "/connect/token")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "authorization_code",
                ["client_id"] = BrokerHost.PublicAppId,
                ["code"] = code,
                ["redirect_uri"] = BrokerHost.RedirectUri,
                ["code_verifier"] = app.Verifier,
            }),
        };
        exchange.Headers.Add("Origin", Registered);
        using var given = await http.SendAsync(exchange);
        Value(given, "Access-Control-Allow-Origin").Should().Be(Registered);
        given.Headers.CacheControl!.NoStore.Should().BeTrue();
        var tokens = await OAuthApp.ReadAsync(given);

        var call = new HttpRequestMessage(HttpMethod.Get, "/openai/v1/models");
        call.Headers.Authorization = new("Bearer", tokens.AccessToken);
        call.Headers.Add("Origin", Registered);
        using var response = await http.SendAsync(call);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        Value(response, "Access-Control-Allow-Origin").Should().Be(Registered);
    }

    [Fact]
    public async Task Is_allowed_as_soon_as_its_app_is_registered_and_no_longer_once_it_is_gone()
    {
        const string Origin = "https://new.example:8443";
        (await AllowsAsync(Origin)).Should().BeFalse();

        await RegisterAsync("https://new.example:8443/callback");
        (await AllowsAsync(Origin)).Should().BeTrue();

        await RegisterAsync("https://elsewhere.example/callback");
        (await AllowsAsync(Origin)).Should().BeFalse();
    }

    [Fact]
    public async Task Is_decided_in_memory_and_read_again_within_a_minute()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        (await AllowsAsync(Registered, broker)).Should().BeTrue();

        // Behind the broker's back, as another node would.
        await broker.WithDatabaseAsync(db => db.Apps.ExecuteUpdateAsync(set => set.SetProperty(a => a.RedirectUris, "[]")));

        (await AllowsAsync(Registered, broker)).Should().BeTrue("nothing was asked of the database");
        clock.Advance(TimeSpan.FromSeconds(61));
        (await AllowsAsync(Registered, broker)).Should().BeFalse();
    }

    [Theory]
    [InlineData("https://app.example/callback", "https://app.example")]
    [InlineData("https://app.example:443/callback", "https://app.example")]
    [InlineData("https://app.example:8443/callback", "https://app.example:8443")]
    [InlineData("https://APP.example/callback", "https://app.example")]
    [InlineData("https://bücher.example/callback", "https://xn--bcher-kva.example")]
    [InlineData("http://localhost:5173/callback", "http://localhost:5173")]
    [InlineData("http://[::1]:5173/callback", "http://[::1]:5173")]
    [InlineData("http://app.example/callback", null)]
    [InlineData("com.example.native:/callback", null)]
    public void Has_its_origin_written_as_browsers_write_it(string redirectUri, string? origin) =>
        RegisteredOrigins.OriginOf(redirectUri).Should().Be(origin);

    private static void HasNoCors(HttpResponseMessage response, string where) =>
        response.Headers.Where(h => h.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase)).Should().BeEmpty(where);

    private static string? Value(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    private async Task<bool> AllowsAsync(string origin, BrokerHost? broker = null)
    {
        using var preflight = await PreflightAsync("/connect/token", "POST", origin, "content-type", broker);
        return Value(preflight, "Access-Control-Allow-Origin") == origin;
    }

    private async Task RegisterAsync(string redirectUri)
    {
        await using var scope = Broker.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(
            new AppRegistration { ClientId = "new-page", Name = "New Page", RedirectUris = [redirectUri], Scopes = ["openai:chat"] },
            AppStanding.Configured,
            CancellationToken.None);
    }

    private async Task<HttpResponseMessage> PreflightAsync(string path, string method, string origin, string headers, BrokerHost? broker = null)
    {
        using var http = (broker ?? Broker).NewClient();
        var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", headers);
        return await http.SendAsync(request);
    }

    private async Task<HttpResponseMessage> CallAsync(string path, string method, string origin)
    {
        using var http = Broker.NewClient();
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        if (method == "POST")
        {
            request.Content = new FormUrlEncodedContent([KeyValuePair.Create("client_id", "nobody")]);
        }

        return await http.SendAsync(request);
    }
}
