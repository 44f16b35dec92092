using System.Net;

namespace TokenBroker.Gateway;

/// <summary>What an answer's bytes are.</summary>
internal enum AnswerShape
{
    /// <summary>Sound, plain text and the like. Text may be the app's own words, so no usage is read from it.</summary>
    Other,
    Json,
    Events,
}

/// <summary>How a response's stream ended.</summary>
internal enum StreamEnd
{
    Open,
    Complete,

    /// <summary>The gateway ended it: the grant was cut, or the provider fell silent or away. The last event says so.</summary>
    Truncated,
}

/// <summary>
/// The provider's response on its way to the app. Bytes pass as they come, once the guard has seen that the user's key
/// is not among them, while the scanner reads the usage. When an event stream breaks, or its grant is cut, the app still
/// gets an error event as the last one; the gateway then aborts the connection, so that no client takes the answer for
/// whole.
/// </summary>
/// <param name="upstream">The provider's stream.</param>
/// <param name="guard">Keeps the user's key in.</param>
/// <param name="shape">What the bytes are: only JSON and events can tell usage, and only events can end with an error.</param>
/// <param name="hideUsage">Whether the gateway asked for usage that the client must not see.</param>
/// <param name="idleTimeout">The longest silence.</param>
/// <param name="lastEvent">Makes the error event from what went wrong; null says that the grant was cut.</param>
/// <param name="cut">Cancelled when the call must end.</param>
internal sealed class ResponseTap(
    Stream upstream, KeyGuard guard, AnswerShape shape, bool hideUsage, TimeSpan idleTimeout, Func<GatewayError?, byte[]> lastEvent, CancellationToken cut) : Stream
{
    private readonly UsageScanner _scanner = new();
    private readonly EventFilter? _filter = shape == AnswerShape.Events && hideUsage ? new EventFilter() : null;
    private readonly CancellationTokenSource _reading = CancellationTokenSource.CreateLinkedTokenSource(cut);
    private ReadOnlyMemory<byte> _pending;
    private bool _atLineStart = true;
    private bool _inData;
    private int _matched;

    public StreamEnd End { get; private set; }

    /// <summary>The provider's usage object as JSON; empty where none came.</summary>
    public ReadOnlyMemory<byte> Usage => _scanner.Usage;

    /// <summary>Events that carried data: about one output token each, where the provider reports no usage.</summary>
    public long Events { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>True where the provider's answer contained the user's key, and was withheld from there on.</summary>
    public bool KeyWasEchoed { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (_pending.Length > 0)
            {
                var length = Math.Min(buffer.Length, _pending.Length);
                _pending[..length].CopyTo(buffer);
                _pending = _pending[length..];
                return length;
            }

            if (End != StreamEnd.Open)
            {
                return 0;
            }

            int read;
            try
            {
                read = await ReadUpstreamAsync(buffer, cancellationToken);
            }
            catch (Exception exception) when (shape == AnswerShape.Events && !cancellationToken.IsCancellationRequested && exception is IOException or OperationCanceledException or HttpRequestException)
            {
                Truncate(exception);
                continue;
            }

            if (buffer.Length == 0)
            {
                // A read of nothing waits for data without holding a buffer meanwhile.
                return 0;
            }

            if (read == 0)
            {
                Complete();
                continue;
            }

            if (!guard.TryPass(buffer[..read], out var passed))
            {
                Withhold();
                continue;
            }

            Bytes += passed.Length;
            Scan(passed.Span);
            if (_filter is null && passed.Length > 0 && buffer.Span.Overlaps(passed.Span))
            {
                // The usual case: nothing was held back, and the bytes are where the reader wants them.
                return passed.Length;
            }

            _pending = _filter is null ? passed : _filter.Feed(passed.Span);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The tap is read asynchronously.");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            upstream.Dispose();
            _reading.Dispose();
            guard.Clear();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadUpstreamAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var reading = upstream.ReadAsync(buffer, _reading.Token);
        if (reading.IsCompleted)
        {
            return await reading;
        }

        // The clock runs only while the provider is waited for: a slow client is not a silent provider.
        _reading.CancelAfter(idleTimeout);
        await using var abandoned = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _reading);
        var read = await reading;
        _reading.CancelAfter(Timeout.InfiniteTimeSpan);
        return read;
    }

    private void Complete()
    {
        End = StreamEnd.Complete;
        var rest = guard.Rest;
        Bytes += rest.Length;
        _pending = rest;
        if (_filter is not null)
        {
            _filter.Feed(rest.Span);
            _pending = _filter.Rest;
        }
    }

    private void Truncate(Exception exception)
    {
        End = StreamEnd.Truncated;
        var error = cut.IsCancellationRequested ? null : exception is OperationCanceledException ? GatewayError.Timeout : GatewayError.Unavailable;
        _pending = lastEvent(error);
    }

    private void Withhold()
    {
        KeyWasEchoed = true;
        End = StreamEnd.Truncated;
        if (shape != AnswerShape.Events)
        {
            throw new IOException("The provider's answer contained the user's key.");
        }

        _pending = lastEvent(GatewayError.KeyEchoed);
    }

    private void Scan(ReadOnlySpan<byte> bytes)
    {
        if (shape != AnswerShape.Events)
        {
            if (shape == AnswerShape.Json)
            {
                _scanner.Feed(bytes);
            }

            return;
        }

        while (bytes.Length > 0)
        {
            var end = bytes.IndexOf((byte)'\n');
            var line = end < 0 ? bytes : bytes[..end];
            ScanLine(line);
            if (end < 0)
            {
                return;
            }

            (_atLineStart, _inData, _matched) = (true, false, 0);
            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>A part of one line; lines and chunks cross freely.</summary>
    private void ScanLine(ReadOnlySpan<byte> line)
    {
        if (_atLineStart)
        {
            var field = "data:"u8;
            while (_matched < field.Length && line.Length > 0)
            {
                if (line[0] != field[_matched])
                {
                    _atLineStart = false;
                    return;
                }

                _matched++;
                line = line[1..];
            }

            if (_matched < field.Length)
            {
                return;
            }

            (_atLineStart, _inData) = (false, true);
            Events++;
            _scanner.Reset();
        }

        if (_inData)
        {
            _scanner.Feed(line);
        }
    }
}

/// <summary>Puts the tap where the forwarder expects the provider's content.</summary>
internal sealed class TappedContent(ResponseTap tap) : HttpContent
{
    protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult<Stream>(tap);

    protected override Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) => Task.FromResult<Stream>(tap);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        throw new NotSupportedException("The tap is read, not copied.");

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
