using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TokenBroker.Bench.Load;

/// <summary>
/// A keep-alive HTTP/1.1 connection that does as little as a client can: the request's bytes are made beforehand, and
/// of an answer it reads the status and where it ends. It blocks its thread, so that a call is two system calls.
/// </summary>
internal sealed class Connection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 30_000 };
    private byte[] _buffer = new byte[32 * 1024];
    private int _filled;
    private int _bodyAt;
    private int _bodyEnd;

    public Connection(int port) => _socket.Connect(IPAddress.Loopback, port);

    /// <summary>The body of the last answer, until the next call.</summary>
    public ReadOnlySpan<byte> Body => _buffer.AsSpan(_bodyAt.._bodyEnd);

    /// <summary>Sends a request and reads its answer whole.</summary>
    /// <returns>The status.</returns>
    public int Call(ReadOnlySpan<byte> request)
    {
        _socket.Send(request);
        _filled = 0;
        var head = ReadHead();
        ReadBody(head);
        return head.Status;
    }

    /// <summary>Sends a request for a stream and reads it whole.</summary>
    /// <returns>The status, and the time stamp at which the first byte of the body was here.</returns>
    public (int Status, long FirstByte) CallStream(ReadOnlySpan<byte> request)
    {
        _socket.Send(request);
        _filled = 0;
        var head = ReadHead();
        if (!head.IsChunked)
        {
            throw new IOException("A stream was asked for, and none came.");
        }

        // The first chunk's size is a line; what follows is the event.
        while (_buffer.AsSpan(head.End, _filled - head.End).IndexOf((byte)'\n') is var line && (line < 0 || _filled <= head.End + line + 1))
        {
            ReadMore();
        }

        var firstByte = Stopwatch.GetTimestamp();
        ReadBody(head);
        return (head.Status, firstByte);
    }

    public void Dispose() => _socket.Dispose();

    private HttpHead ReadHead()
    {
        while (true)
        {
            ReadMore();
            var end = _buffer.AsSpan(0, _filled).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return HttpHead.Read(_buffer.AsSpan(0, end + 4));
            }
        }
    }

    private void ReadBody(HttpHead head)
    {
        _bodyAt = head.End;
        if (head.IsChunked)
        {
            ReadChunks(head.End);
            return;
        }

        ReadUntil(head.End + head.Length);
        _bodyEnd = _filled;
    }

    private void ReadChunks(int at)
    {
        _bodyEnd = at;
        while (true)
        {
            int line;
            while ((line = _buffer.AsSpan(at, _filled - at).IndexOf("\r\n"u8)) < 0)
            {
                ReadMore();
            }

            var size = int.Parse(Encoding.ASCII.GetString(_buffer, at, line), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            at += line + 2;
            ReadUntil(at + size + 2);
            _buffer.AsSpan(at, size).CopyTo(_buffer.AsSpan(_bodyEnd));
            _bodyEnd += size;
            at += size + 2;
            if (size == 0)
            {
                return;
            }
        }
    }

    private void ReadUntil(int filled)
    {
        while (_filled < filled)
        {
            ReadMore();
        }
    }

    private void ReadMore()
    {
        if (_filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = _socket.Receive(_buffer.AsSpan(_filled));
        if (read == 0)
        {
            throw new IOException("The connection was closed before the answer's end.");
        }

        _filled += read;
    }
}
