using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace TokenBroker.Bench.Load;

/// <summary>Streams that are open at the same time, each on a connection of its own, until somebody ends them.</summary>
internal sealed class HeldStreams : IDisposable
{
    private const int OpenedAtOnce = 32;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly List<Held> _streams = [];

    private HeldStreams()
    {
    }

    /// <summary>Opens them; returns once the first event of each is here.</summary>
    public static async Task<HeldStreams> OpenAsync(int port, byte[] request, int count, CancellationToken cancellationToken)
    {
        var held = new HeldStreams();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            foreach (var batch in Enumerable.Range(0, count).Chunk(OpenedAtOnce))
            {
                var opened = batch.Select(_ => new Held()).ToArray();
                held._streams.AddRange(opened);
                await Task.WhenAll(opened.Select(stream => stream.OpenAsync(port, request, patience.Token)));
            }

            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Waits until somebody has ended them all.</summary>
    /// <returns>The time stamps of the ends, first to last.</returns>
    public async Task<long[]> EndsAsync(CancellationToken cancellationToken)
    {
        var ends = await Task.WhenAll(_streams.Select(stream => stream.End)).WaitAsync(Patience, cancellationToken);
        Array.Sort(ends);
        return ends;
    }

    public void Dispose()
    {
        foreach (var stream in _streams)
        {
            stream.Dispose();
        }
    }

    private sealed class Held : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        private readonly byte[] _buffer = new byte[2048];

        public Task<long> End { get; private set; } = Task.FromResult(0L);

        public async Task OpenAsync(int port, byte[] request, CancellationToken cancellationToken)
        {
            await _socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            await _socket.SendAsync(request, cancellationToken);
            var filled = 0;
            while (_buffer.AsSpan(0, filled).IndexOf("data: "u8) < 0)
            {
                var read = await _socket.ReceiveAsync(_buffer.AsMemory(filled), cancellationToken);
                if (read == 0 || filled + read == _buffer.Length)
                {
                    throw new IOException("A stream did not open: " + System.Text.Encoding.ASCII.GetString(_buffer, 0, filled));
                }

                filled += read;
            }

            End = EndAsync();
        }

        public void Dispose() => _socket.Dispose();

        private async Task<long> EndAsync()
        {
            try
            {
                while (true)
                {
                    var read = await _socket.ReceiveAsync(_buffer.AsMemory());
                    if (read == 0 || _buffer.AsSpan(0, read).IndexOf("event: error"u8) >= 0)
                    {
                        return Stopwatch.GetTimestamp();
                    }
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return Stopwatch.GetTimestamp();
            }
        }
    }
}
