using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Gateway;

/// <summary>What stands between the broker and the provider: nothing that the environment, an answer or a library put there.</summary>
[Trait("Checklist", "23")]
public sealed class Going_out_to_the_provider
{
    [Fact]
    public async Task Uses_no_proxy_of_the_environment()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)proxy.LocalEndpoint).Port}";
        using var program = await BrokerProcess.TakeOverAsync(broker, new() { ["http_proxy"] = address, ["HTTPS_PROXY"] = address, ["all_proxy"] = address, ["no_proxy"] = "" });

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received.Should().ContainSingle();
        proxy.Pending().Should().BeFalse("nobody came to the proxy");
    }

    [Fact]
    public async Task Keeps_no_cookie_of_the_provider()
    {
        await using var upstream = new RawUpstream { Script = _ => [Answer("Set-Cookie: session=of-the-first; Path=/\r\n", "{}")] };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);

        foreach (var _ in (int[])[1, 2])
        {
            using var response = await connected.Api.ChatAsync();
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            response.Headers.Contains("Set-Cookie").Should().BeFalse();
        }

        upstream.Heads.Should().HaveCount(2).And.OnlyContain(head => !head.Contains("cookie", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    public async Task Asks_for_nothing_packed_and_passes_nothing_packed(string encoding)
    {
        // Inside what is packed the key could not be found.
        using var packed = new MemoryStream();
        await using (Stream zip = encoding switch { "gzip" => new GZipStream(packed, CompressionLevel.Fastest, true), "br" => new BrotliStream(packed, CompressionLevel.Fastest, true), _ => new ZLibStream(packed, CompressionLevel.Fastest, true) })
        {
            zip.Write("{\"secret\":1}"u8);
        }

        await using var upstream = new RawUpstream { Script = _ => [Answer($"Content-Encoding: {encoding}\r\n", Encoding.Latin1.GetString(packed.ToArray()))] };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);

        var answer = await RawHttp.SendAsync(
            broker,
            RawHttp.Request("POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, """{"model":"gpt-4o-mini","messages":[]}""", "Accept-Encoding: gzip, br\r\n"));

        answer.Status.Should().Be(502);
        answer.Text.Should().Contain("upstream_unavailable").And.NotContain("secret");
        upstream.Heads.Should().ContainSingle().Which.Should().NotContainEquivalentOf("accept-encoding");
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Follows_no_redirect_and_passes_none(int status)
    {
        await using var elsewhere = new RawUpstream();
        await using var upstream = new RawUpstream
        {
            Script = _ => [$"HTTP/1.1 {status} Elsewhere\r\nLocation: {elsewhere.BaseUrl}/collect\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
        };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        response.Headers.Location.Should().BeNull();
        elsewhere.Heads.Should().BeEmpty();
    }

    private static string Answer(string headers, string body) =>
        $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";
}
