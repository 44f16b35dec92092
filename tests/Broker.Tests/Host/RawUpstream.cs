using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TokenBroker.Tests.Host;

/// <summary>
/// An upstream that answers with bytes that no well-behaved server writes. Each request gets the pieces of the script,
/// one packet each; the check of a key gets a plain yes.
/// </summary>
public sealed class RawUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    public RawUpstream()
    {
        _listener.Start();
        _running = RunAsync();
    }

    /// <summary>The base URL to configure.</summary>
    public string BaseUrl => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1";

    /// <summary>What is answered to a request, given its head.</summary>
    public Func<string, IEnumerable<string>> Script { get; set; } = _ => [];

    /// <summary>The heads of the requests that came, but for checks of keys.</summary>
    public List<string> Heads { get; } = [];

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
                serving.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var client = socket;
        client.NoDelay = true;
        var stream = new NetworkStream(client);
        try
        {
            var head = await ReadRequestAsync(stream);
            var isCheck = head.StartsWith("GET /v1/models ", StringComparison.Ordinal);
            if (!isCheck)
            {
                lock (Heads)
                {
                    Heads.Add(head);
                }
            }

            IEnumerable<string> pieces = isCheck ? ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"] : Script(head);
            foreach (var piece in pieces)
            {
                await stream.WriteAsync(Encoding.Latin1.GetBytes(piece), _stop.Token);
                await stream.FlushAsync(_stop.Token);

                // A packet of its own: two writes in a row may share one.
                await Task.Delay(5, _stop.Token);
            }

            client.Shutdown(SocketShutdown.Send);
            _ = await client.ReceiveAsync(new byte[1], _stop.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException)
        {
            // The broker hung up, or the test is over.
        }
    }

    private async Task<string> ReadRequestAsync(NetworkStream stream)
    {
        var received = new StringBuilder();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            received.Append(Encoding.Latin1.GetString(buffer, 0, await stream.ReadAsync(buffer, _stop.Token)));
            var text = received.ToString();
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0)
            {
                continue;
            }

            var length = text[..end].Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
            if (length is null || text.Length >= end + 4 + int.Parse(length.AsSpan(15), provider: null))
            {
                return text[..end];
            }
        }
    }
}
