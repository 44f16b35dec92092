using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class A_slow_client
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [Trait("Checklist", "26")]
    [InlineData("text/event-stream", true)]
    [InlineData("text/event-stream", false)]
    [InlineData("application/octet-stream", false)]
    public async Task Holds_the_providers_sending_back_and_fills_no_memory(string type, bool hideUsage)
    {
        // An endless answer, as fast as it is taken; the client takes nothing of it.
        await using var upstream = new Torrent(type);
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        using var client = new TcpClient { ReceiveBufferSize = 4096 };
        var address = new Uri(broker.Address);
        await client.ConnectAsync(address.Host, address.Port);
        var options = hideUsage ? "" : "\"stream_options\":{\"include_usage\":true},";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(RawHttp.Request(
            "POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken,
            $"{{\"model\":\"gpt-4o-mini\",\"stream\":true,{options}\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}")));

        await upstream.HeldBack.WaitAsync(Patience);

        // Sockets between the three hold some megabytes at most; a broker that read on would take all.
        upstream.Sent.Should().BeLessThan(Torrent.Most);

        await connected.Person.PressAsync("Test App", "Revoke");
        await upstream.HungUp.WaitAsync(Patience);
        (await connected.UsageAsync())[0].Estimated.Should().BeTrue();
    }

    [Fact]
    [Trait("Checklist", "26")]
    public async Task Is_hung_up_on_in_the_end_and_stops_the_provider()
    {
        // As ever, but for the pace: at the default one, what waits in the buffers gives a client four minutes more.
        await using var upstream = new Torrent("text/event-stream");
        await using var broker = await BrokerHost.StartAsync(
            new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl, ["Gateway:ConcurrentCalls"] = "1" },
            customise: builder => builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MinResponseDataRate = new(1_000_000, TimeSpan.FromSeconds(2))));
        using var connected = await Connected.AsAsync(broker);
        using var client = new TcpClient { ReceiveBufferSize = 4096 };
        var address = new Uri(broker.Address);
        await client.ConnectAsync(address.Host, address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(RawHttp.Request(
            "POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken,
            "{\"model\":\"gpt-4o-mini\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}")));

        await upstream.HungUp.WaitAsync(TimeSpan.FromSeconds(60));

        (await connected.UsageAsync())[0].Estimated.Should().BeTrue();
        using var next = await connected.Api.GetAsync("/models");
        next.StatusCode.Should().Be(System.Net.HttpStatusCode.OK, "the only place is free again");
    }

    /// <summary>Sends without end, and says when nobody takes it any more.</summary>
    private sealed class Torrent : IAsyncDisposable
    {
        public const long Most = 64L * 1024 * 1024;
        private readonly TcpListener _listener = new(System.Net.IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly TaskCompletionSource _heldBack = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _hungUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly string _type;
        private readonly Task _running;
        private long _sent;

        public Torrent(string type)
        {
            _type = type;
            _listener.Start();
            _running = RunAsync();
        }

        public string BaseUrl => $"http://127.0.0.1:{((System.Net.IPEndPoint)_listener.LocalEndpoint).Port}/v1";

        /// <summary>Completed when a write has waited for two seconds, or when far too much was taken.</summary>
        public Task HeldBack => _heldBack.Task;

        public Task HungUp => _hungUp.Task;

        public long Sent => Interlocked.Read(ref _sent);

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
            catch (Exception exception) when (exception is OperationCanceledException or SocketException)
            {
                await Task.WhenAll(serving);
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using var _ = client;
            var stream = client.GetStream();
            try
            {
                var buffer = new byte[16 * 1024];
                var head = Encoding.Latin1.GetString(buffer, 0, await stream.ReadAsync(buffer, _stop.Token));
                if (head.StartsWith("GET", StringComparison.Ordinal))
                {
                    await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"u8.ToArray(), _stop.Token);
                    return;
                }

                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: {_type}\r\nConnection: close\r\n\r\n"), _stop.Token);
                var events = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("data: {\"choices\":[{}],\"usage\":null}\n\n", 1_000)));
                while (Sent < Most)
                {
                    var writing = stream.WriteAsync(events, _stop.Token).AsTask();
                    if (await Task.WhenAny(writing, Task.Delay(TimeSpan.FromSeconds(2), _stop.Token)) != writing)
                    {
                        _heldBack.TrySetResult();
                    }

                    await writing;
                    Interlocked.Add(ref _sent, events.Length);
                }

                _heldBack.TrySetResult();
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                _hungUp.TrySetResult();
            }
        }
    }
}
