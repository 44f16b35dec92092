using System.Net;
using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>What was sent may have been worked on, and paid for: it is not sent again.</summary>
public sealed class Sending_once
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""";

    [Theory]
    [Trait("Checklist", "24")]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half\":")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n")]
    [InlineData("no HTTP at all\r\n\r\n")]
    public async Task Holds_where_a_kept_connection_breaks_under_the_call(string answer)
    {
        // The first answer leaves its connection open; the next call goes out on it, and meets its end.
        await using var upstream = new KeptUpstream { Second = answer };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        using (var first = await connected.Api.ChatAsync())
        {
            first.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var second = await RawHttp.SendAsync(broker, RawHttp.Request("POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, Chat));

        upstream.Posts.Should().Be(2, "of which one is the second call");
        second.Status.Should().BeOneOf(200, 502);
        second.Text.Should().NotContain("whole");
    }

    [Theory]
    [Trait("Checklist", "19")]
    [InlineData("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n")]
    [InlineData("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nSet-Cookie: a=b\r\n\r\n")]
    public async Task Waits_for_the_final_answer_and_passes_no_earlier_one(string early)
    {
        await using var upstream = new RawUpstream { Script = _ => [early, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"] };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);

        var answer = await RawHttp.SendAsync(broker, RawHttp.Request("POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, Chat));

        answer.Text.Should().StartWith("HTTP/1.1 200 OK").And.EndWith("{}").And.NotContain("X-Early").And.NotContain("Link").And.NotContain("Set-Cookie");
    }

    [Fact]
    [Trait("Checklist", "19")]
    public async Task Never_becomes_another_protocol()
    {
        await using var upstream = new RawUpstream { Script = _ => ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "anything"] };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);

        var answer = await RawHttp.SendAsync(
            broker, RawHttp.Request("POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, Chat, "Upgrade: websocket\r\nConnection: Upgrade\r\n"));

        answer.Status.Should().Be(502);
        answer.Text.Should().NotContain("anything");
        upstream.Heads.Should().ContainSingle().Which.Should().NotContainEquivalentOf("upgrade");
    }

    /// <summary>Answers the first chat whole and keeps the connection; every later one gets the second answer and a reset.</summary>
    private sealed class KeptUpstream : IAsyncDisposable
    {
        private readonly System.Net.Sockets.TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;
        private int _posts;

        public KeptUpstream()
        {
            _listener.Start();
            _running = RunAsync();
        }

        public string BaseUrl => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1";

        public required string Second { get; init; }

        public int Posts => Volatile.Read(ref _posts);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            _listener.Stop();
            await _running;
            _stop.Dispose();
        }

        private async Task RunAsync()
        {
            var serving = new List<Task>();
            try
            {
                while (true)
                {
                    serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or System.Net.Sockets.SocketException)
            {
                await Task.WhenAll(serving);
            }
        }

        private async Task ServeAsync(System.Net.Sockets.TcpClient client)
        {
            using var _ = client;
            var stream = client.GetStream();
            var received = new StringBuilder();
            var buffer = new byte[16 * 1024];
            try
            {
                int read;
                while ((read = await stream.ReadAsync(buffer, _stop.Token)) > 0)
                {
                    received.Append(Encoding.Latin1.GetString(buffer, 0, read));
                    var text = received.ToString();
                    if (!text.EndsWith("\r\n\r\n", StringComparison.Ordinal) && !text.EndsWith("]}", StringComparison.Ordinal))
                    {
                        continue;
                    }

                    received.Clear();
                    var whole = "{\"whole\":1}";
                    if (text.StartsWith("POST", StringComparison.Ordinal) && Interlocked.Increment(ref _posts) > 1)
                    {
                        await stream.WriteAsync(Encoding.Latin1.GetBytes(Second), _stop.Token);
                        return;
                    }

                    await stream.WriteAsync(
                        Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {whole.Length}\r\n\r\n{whole}"), _stop.Token);
                }
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // The broker hung up, or the test is over.
            }
        }
    }
}
