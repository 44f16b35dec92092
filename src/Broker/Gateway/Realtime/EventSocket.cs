using System.Buffers;
using System.Net.WebSockets;

namespace TokenBroker.Gateway;

/// <summary>What came over a socket.</summary>
internal enum MessageKind
{
    Text,
    Binary,
    TooLarge,

    /// <summary>The other side closed, or is gone.</summary>
    Closed,
}

/// <summary>
/// One side of a session, in whole messages. It holds a buffer only while a message arrives, of at most the limit; and
/// only one sends at a time, so that the last word of a cut does not stand in the middle of another event.
/// </summary>
internal sealed class EventSocket(WebSocket socket, int mostBytes) : IDisposable
{
    private const int FirstBuffer = 16 * 1024;
    private readonly SemaphoreSlim _sending = new(1);
    private byte[]? _buffer;
    private bool _isFinished;

    public WebSocketCloseStatus? ClosedAs => socket.CloseStatus;

    /// <summary>The next message. Its bytes are valid until the next turn; of one that is no text there are none.</summary>
    public async Task<(MessageKind Kind, ReadOnlyMemory<byte> Bytes)> ReceiveAsync()
    {
        GiveBack();
        try
        {
            // Waits without a buffer: a silent session holds none.
            if ((await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None)).MessageType == WebSocketMessageType.Close)
            {
                return (MessageKind.Closed, default);
            }

            _buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
            var (length, isBinary) = (0, false);
            while (true)
            {
                var part = await socket.ReceiveAsync(_buffer.AsMemory(length), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    return (MessageKind.Closed, default);
                }

                isBinary = part.MessageType == WebSocketMessageType.Binary;
                length += isBinary ? 0 : part.Count;
                if (length > mostBytes)
                {
                    return (MessageKind.TooLarge, default);
                }

                if (part.EndOfMessage)
                {
                    return isBinary ? (MessageKind.Binary, default) : (MessageKind.Text, _buffer.AsMemory(0, length));
                }

                Grow(length);
            }
        }
        catch (Exception exception) when (IsGone(exception))
        {
            return (MessageKind.Closed, default);
        }
    }

    /// <returns>False where the other side is gone, or was told the last.</returns>
    public Task<bool> SendAsync(ReadOnlyMemory<byte> text, CancellationToken cancellationToken) => AloneAsync(
        async () => await socket.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, cancellationToken), cancellationToken);

    /// <summary>The last word, and the closing frame. Nothing is sent after it; the other side's answer is not waited for.</summary>
    public Task CloseAsync(byte[]? text, WebSocketCloseStatus status, CancellationToken cancellationToken) => AloneAsync(
        async () =>
        {
            _isFinished = true;
            if (text is not null)
            {
                await socket.SendAsync(text.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            }

            await socket.CloseOutputAsync(status, null, cancellationToken);
        },
        cancellationToken);

    /// <summary>Reads on, and throws away, until the other side has closed too: then it has read everything.</summary>
    public async Task DrainAsync()
    {
        while ((await ReceiveAsync()).Kind != MessageKind.Closed)
        {
        }
    }

    /// <summary>Ends it at once, whatever is on its way.</summary>
    public void Abort() => socket.Abort();

    public void Dispose()
    {
        GiveBack();
        _sending.Dispose();
    }

    private async Task<bool> AloneAsync(Func<Task> send, CancellationToken cancellationToken)
    {
        try
        {
            await _sending.WaitAsync(cancellationToken);
            try
            {
                if (_isFinished)
                {
                    return false;
                }

                await send();
                return true;
            }
            finally
            {
                _sending.Release();
            }
        }
        catch (Exception exception) when (IsGone(exception))
        {
            return false;
        }
    }

    private static bool IsGone(Exception exception) =>
        exception is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException;

    private void Grow(int length)
    {
        if (length < _buffer!.Length)
        {
            return;
        }

        // One byte more than the limit shows that a message is over it.
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * _buffer.Length, Math.Max(mostBytes + 1L, _buffer.Length + 1L)));
        _buffer.AsSpan(0, length).CopyTo(larger);
        GiveBack();
        _buffer = larger;
    }

    private void GiveBack()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }
}
