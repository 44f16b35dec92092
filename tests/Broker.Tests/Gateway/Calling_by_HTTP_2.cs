using System.Net;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>
/// An app that speaks HTTP/2 to the broker, which speaks HTTP/1.1 to the provider: there a line break in a field would
/// end it, and begin another, or another request.
/// </summary>
[Trait("Checklist", "19")]
public sealed class Calling_by_HTTP_2 : IAsyncLifetime
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""";
    private readonly int _port = Ports.Next();
    private BrokerHost _broker = null!;
    private Connected _connected = null!;

    public async ValueTask InitializeAsync()
    {
        _broker = await BrokerHost.StartAsync(customise: builder =>
        {
            var main = new Uri(builder.Configuration["urls"]!).Port;
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                kestrel.Listen(IPAddress.Loopback, main);
                kestrel.Listen(IPAddress.Loopback, _port, listen => listen.Protocols = HttpProtocols.Http2);
            });
        });
        _connected = await Connected.AsAsync(_broker);
    }

    public async ValueTask DisposeAsync()
    {
        _connected.Dispose();
        await _broker.DisposeAsync();
    }

    [Fact]
    public async Task Is_answered_as_ever()
    {
        using var connection = await RawHttp2.ConnectAsync(_port);

        var answer = await connection.SendAsync(Fields(), Chat);

        answer.Should().Contain(Reply.To("Hello"));
        _connected.Received.Should().ContainSingle().Which.Protocol.Should().Be("HTTP/1.1");
    }

    [Theory]
    [InlineData("content-type", "application/json\r\nX-Injected: 1")]
    [InlineData("content-type", "application/json\nX-Injected: 1")]
    [InlineData("content-type", "application/json\rX-Injected: 1")]
    [InlineData("content-type", "application/json\0")]
    [InlineData("accept", "text/event-stream\r\n\r\nGET /v1/models/smuggled HTTP/1.1\r\nHost: x")]
    [InlineData("openai-beta", "a\r\nb: c")]
    [InlineData("x-any", "a\r\nTransfer-Encoding: chunked")]
    [InlineData("X-Upper", "1")]
    [InlineData(":path", "/openai/v1/chat/completions HTTP/1.1\r\nX-Injected: 1\r\n")]
    [InlineData(":path", "/openai/v1/models/gpt-4o\r\nX-Injected:1")]
    [InlineData(":path", "/openai/v1/chat/completions\n")]
    [InlineData(":path", "/openai/v1/models/smuggled#")]
    [InlineData(":method", "GET /v1/models/smuggled HTTP/1.1\r\nX:")]
    [InlineData(":method", "POST\r\n")]
    [InlineData(":authority", "localhost\r\nX-Injected: 1")]
    [InlineData(":scheme", "http\r\nX-Injected: 1")]
    [InlineData("connection", "x-any")]
    [InlineData("content-length", "1")]
    [InlineData("content-length", "70\r\nX-Injected: 1")]
    [InlineData("content-length", "5000")]
    public async Task Carries_no_line_of_its_own_to_the_provider(string name, string value)
    {
        var before = _broker.Journal.Arrived;
        using var connection = await RawHttp2.ConnectAsync(_port);

        var answer = await connection.SendAsync(Fields(name, value), Chat);

        _broker.Journal.Arrived.Should().Be(before);
        (answer ?? "").Should().NotContain(Reply.To("Hello"));
    }

    [Theory]
    [InlineData("x-any: a\r\nx-injected", "1")]
    [InlineData("x-any\n", "1")]
    [InlineData("x any", "1")]
    [InlineData("transfer-encoding", "chunked")]
    public async Task Drops_a_field_whose_name_is_none(string name, string value)
    {
        using var connection = await RawHttp2.ConnectAsync(_port);

        await connection.SendAsync(Fields(name, value), Chat);

        foreach (var received in _connected.Received)
        {
            received.Target.Should().Be("/v1/chat/completions");
            received.Headers.Select(header => header.Key).Should().BeSubsetOf(["Accept", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent"]);
        }

        _broker.Journal.Arrived.Should().BeLessThanOrEqualTo(2, "the check of the key, and one call at most");
    }

    /// <summary>A good request, with one field replaced or added.</summary>
    private (string, string)[] Fields(string? name = null, string? value = null)
    {
        List<(string Name, string Value)> fields =
        [
            (":method", "POST"), (":scheme", "http"), (":path", "/openai/v1/chat/completions"), (":authority", $"localhost:{_port}"),
            ("authorization", "Bearer " + _connected.Tokens.AccessToken), ("content-type", "application/json"),
        ];
        var at = fields.FindIndex(field => field.Name == name);
        if (at >= 0)
        {
            fields[at] = (name!, value!);
        }
        else if (name is not null)
        {
            fields.Add((name, value!));
        }

        return [.. fields];
    }
}
