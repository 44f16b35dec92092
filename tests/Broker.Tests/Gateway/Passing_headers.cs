using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Passing_headers(SharedBroker shared)
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""";

    private const string Nasty =
        "Cookie: session=app\r\n"
        + "OpenAI-Organization: org-other\r\n"
        + "OpenAI-Project: proj_other\r\n"
        + "OpenAI-Beta: assistants=v2\r\n"
        + "X-Api-Key: sk-the-apps-own\r\n"
        + "Api-Key: sk-the-apps-own\r\n"
        + "X-Forwarded-For: 10.0.0.1\r\n"
        + "X-Forwarded-Host: elsewhere.example\r\n"
        + "Forwarded: for=10.0.0.1\r\n"
        + "X-Real-IP: 10.0.0.1\r\n"
        + "Via: 1.1 elsewhere\r\n"
        + "DPoP: eyJ\r\n"
        + "Proxy-Authorization: Basic eA==\r\n"
        + "Proxy-Connection: keep-alive\r\n"
        + "X-HTTP-Method-Override: DELETE\r\n"
        + "X-Original-URL: /v1/files\r\n"
        + "Idempotency-Key: shared\r\n"
        + "Accept-Encoding: gzip, br\r\n"
        + "Accept-Language: de\r\n"
        + "Origin: https://app.example\r\n"
        + "Referer: https://app.example/\r\n"
        + "TE: trailers\r\n"
        + "Trailer: X-Later\r\n"
        + "Upgrade: websocket\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + "Sec-WebSocket-Version: 13\r\n"
        + "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
        + "Baggage: a=b\r\n"
        + "X-Stainless-Lang: js\r\n"
        + "X-Hop: 1\r\n"
        + "User-Agent: the-app/1.0\r\n"
        + "Accept: application/json\r\n";

    private static readonly string[] MayArrive = ["Accept", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent"];

    private static readonly string[] MayLeave =
    [
        "Cache-Control", "Content-Length", "Content-Type", "Date", "openai-processing-ms", "openai-version", "TokenBroker-Request-Id", "Transfer-Encoding",
        "x-ratelimit-limit-requests", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-request-id",

        // Set by the broker itself on what may be a page.
        "Content-Security-Policy", "X-Content-Type-Options",
    ];

    private BrokerHost Broker => shared.Host;

    [Theory]
    [Trait("Checklist", "20")]
    [InlineData("POST", "/openai/v1/chat/completions", Chat, "X-Hop")]
    [InlineData("POST", "/openai/v1/chat/completions", Chat, "Upgrade")]
    [InlineData("GET", "/openai/v1/models/gpt-4o", null, "Upgrade")]
    public async Task From_the_app_lets_none_arrive_but_the_listed(string method, string target, string? body, string connection)
    {
        using var connected = await Connected.AsAsync(Broker);
        var request = RawHttp.Request(method, target, connected.Tokens.AccessToken, body, Nasty)
            .Replace("Connection: close\r\n", $"Connection: close\r\nConnection: {connection}\r\n", StringComparison.Ordinal);

        var answer = await RawHttp.SendAsync(Broker, request);

        answer.Status.Should().Be(200, answer.Text);
        var received = connected.Received[0];
        received.Headers.Select(header => header.Key).Should().BeSubsetOf(MayArrive).And.OnlyHaveUniqueItems();
        received.HeaderValues("Authorization").Should().Equal("Bearer " + connected.Key);
        received.HeaderValues("User-Agent").Should().Equal("TokenBroker");
        received.HeaderValues("Host").Should().Equal(new Uri(Broker.SandboxAddress).Authority);
        received.HeaderValues("Accept").Should().Equal("application/json");
    }

    [Fact]
    [Trait("Checklist", "21")]
    public async Task From_the_provider_lets_none_leave_but_the_listed()
    {
        using var connected = await Connected.AsAsync(Broker);
        foreach (var text in (string[])["Hello", "[[fault:set_cookie]]", "[[fault:huge_header]]", "[[fault:echo_key_header]]", "[[fault:server_error]]"])
        {
            using var response = await connected.Api.ChatAsync(text);

            var names = response.Headers.Concat(response.Content.Headers).Select(header => header.Key.ToUpperInvariant()).ToList();
            names.Should().BeSubsetOf(MayLeave.Select(name => name.ToUpperInvariant()), text);
            names.Should().Contain("X-REQUEST-ID").And.Contain("OPENAI-PROCESSING-MS");
            response.Headers.CacheControl!.NoStore.Should().BeTrue();
            (response.Headers + response.Content.Headers.ToString()).Should().NotContain(connected.Key);
        }
    }

    [Fact]
    [Trait("Checklist", "21")]
    public async Task From_the_provider_drops_a_listed_one_that_quotes_the_key()
    {
        await using var upstream = new RawUpstream();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        upstream.Script = _ => [$"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: for {connected.Key}\r\nConnection: close\r\n\r\n{{}}"];

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Headers.Contains("X-Request-Id").Should().BeFalse();
    }

    [Fact]
    [Trait("Checklist", "21")]
    public async Task From_the_provider_lets_no_trailer_leave()
    {
        await using var upstream = new RawUpstream();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        upstream.Script = _ =>
        [
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Key, Set-Cookie\r\nConnection: close\r\n\r\n",
            $"2\r\n{{}}\r\n0\r\nX-Key: {connected.Key}\r\nSet-Cookie: a=b\r\n\r\n",
        ];

        var answer = await RawHttp.SendAsync(broker, RawHttp.Request("POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, Chat, "TE: trailers\r\n"));

        answer.Status.Should().Be(200);
        answer.Text.Should().Contain("{}").And.NotContain(connected.Key).And.NotContainEquivalentOf("Set-Cookie").And.NotContain("X-Key");
    }

    [Fact]
    [Trait("Checklist", "30")]
    public async Task Tells_no_cache_to_keep_anything()
    {
        using var connected = await Connected.AsAsync(Broker);
        foreach (var call in SampleCall.All)
        {
            using var response = await call.SendAsync(connected.Api);
            response.Headers.CacheControl!.ToString().Should().Be("no-store", call.Operation);
        }
    }

    [Theory]
    [Trait("Checklist", "30")]
    [InlineData("no token", 401)]
    [InlineData("a token of nobody", 401)]
    [InlineData("no such operation", 403)]
    [InlineData("a denied operation", 403)]
    [InlineData("no such model", 403)]
    [InlineData("no JSON", 400)]
    [InlineData("two lengths", 400)]
    [InlineData("too dear", 402)]
    [InlineData("a grant's own address", 200)]
    [InlineData("[[fault:rate_limited]]", 429)]
    [InlineData("[[fault:server_error]]", 500)]
    [InlineData("[[fault:unauthorized]]", 403)]
    [InlineData("[[fault:redirect]]", 502)]
    [InlineData("[[fault:set_cookie]]", 200)]
    public async Task Tells_no_cache_to_keep_an_error_either(string what, int status)
    {
        using var connected = await Connected.AsAsync(Broker, budget: "0.01");
        var token = connected.Tokens.AccessToken;
        var post = RawHttp.Request("POST", "/openai/v1/chat/completions", token, Chat);
        var answer = await RawHttp.SendAsync(Broker, what switch
        {
            "no token" => post.Replace($"Authorization: Bearer {token}\r\n", "", StringComparison.Ordinal),
            "a token of nobody" => RawHttp.Request("POST", "/openai/v1/chat/completions", "nobody", Chat),
            "no such operation" => RawHttp.Request("GET", "/openai/v1/nothing/like/this", token),
            "a denied operation" => RawHttp.Request("GET", "/openai/v1/organization/users", token),
            "no such model" => post.Replace("gpt-4o-mini", "gpt-4o-minx", StringComparison.Ordinal),
            "no JSON" => post.Replace("{\"model\"", "x\"model\" ", StringComparison.Ordinal)[..^1],
            "two lengths" => post.Replace("Content-Length", "Transfer-Encoding: chunked\r\nContent-Length", StringComparison.Ordinal),
            "too dear" => RawHttp.Request("POST", "/openai/v1/images/generations", token, """{"model":"gpt-image-1","prompt":"A plum","quality":"high","n":10}"""),
            "a grant's own address" => RawHttp.Request("GET", "/api/v1/grant", token),
            _ => RawHttp.Request("POST", "/openai/v1/chat/completions", token, Chat.Replace("Hello", what, StringComparison.Ordinal)),
        });

        answer.Status.Should().Be(status, answer.Text);
        answer.Text.Should().MatchRegex("(?i)\r\ncache-control: no-store\r\n");
    }
}
