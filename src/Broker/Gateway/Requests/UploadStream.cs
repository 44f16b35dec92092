using System.Text;

namespace TokenBroker.Gateway;

/// <summary>What an upload holds may not be sent: the provider gets nothing from here on.</summary>
internal sealed class UploadRefusedException(GatewayError refusal) : IOException("The upload was refused: " + refusal.Message)
{
    public GatewayError Refusal => refusal;
}

/// <summary>
/// A multipart body on its way to the provider, unchanged, in bounded memory. What decides is read as it passes: a part's
/// headers and a plain field go on once they were judged, a file's bytes go on as they come. When something is refused,
/// reading fails and the request to the provider is aborted; without its end it holds nothing there.
/// </summary>
/// <remarks>
/// The format is read in its plainest form: no preamble, CRLF everywhere, nothing behind the closing boundary. Whatever
/// is looser is refused, since another parser could find other parts in it.
/// </remarks>
internal sealed class UploadStream : Stream
{
    private const int BufferSize = 64 * 1024;
    private const int LongestHead = 8 * 1024;
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Stream _client;
    private readonly ClientPace _pace;
    private readonly long _limit;
    private readonly byte[] _delimiter;
    private readonly UploadedForm _form = new();
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _start;
    private int _judged;
    private int _end;
    private long _received;
    private bool _isOver;
    private State _state = State.Opening;
    private PartHead _part;

    public UploadStream(Stream client, ClientPace pace, string boundary, long limit)
    {
        (_client, _pace, _limit) = (client, pace, limit);
        _delimiter = Encoding.ASCII.GetBytes("\r\n--" + boundary);
    }

    private enum State
    {
        Opening,
        AfterBoundary,
        Head,
        Field,
        File,
        Closed,
    }

    /// <summary>Why the upload was broken off; null while it goes on.</summary>
    public GatewayError? Refusal { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Reads up to the first file, so that what is refused before it is never sent at all.</summary>
    public async ValueTask<GatewayError?> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (_state is not (State.File or State.Closed) && _end < _buffer.Length && !_isOver)
            {
                if (!Advance())
                {
                    await ReceiveAsync(cancellationToken);
                }
            }
        }
        catch (UploadRefusedException)
        {
            // As the property says.
        }

        return Refusal;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.Length == 0)
        {
            return 0;
        }

        await FillAsync(cancellationToken);
        var length = Math.Min(buffer.Length, _judged - _start);
        _buffer.AsMemory(_start, length).CopyTo(buffer);
        _start += length;
        return length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The body is read asynchronously.");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Reads from the client until some bytes may pass, or all have.</summary>
    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        while (_start == _judged)
        {
            if (Refusal is not null)
            {
                throw new UploadRefusedException(Refusal);
            }

            if (Advance())
            {
                continue;
            }

            if (_isOver)
            {
                if (_state != State.Closed || _judged != _end)
                {
                    throw Refuse(GatewayError.InvalidRequest("The multipart body is broken."));
                }

                return;
            }

            await ReceiveAsync(cancellationToken);
        }
    }

    private async ValueTask ReceiveAsync(CancellationToken cancellationToken)
    {
        var buffer = _buffer;
        if (_start > 0)
        {
            buffer.AsSpan(_start, _end - _start).CopyTo(buffer);
            (_judged, _end, _start) = (_judged - _start, _end - _start, 0);
        }

        if (_end == buffer.Length)
        {
            throw Refuse(GatewayError.InvalidRequest("A part's headers or a plain field of the form is too long."));
        }

        var read = await _pace.WaitAsync(_client.ReadAsync(buffer.AsMemory(_end), cancellationToken));
        _isOver = read == 0;
        _end += read;
        _received += read;
        if (_received > _limit)
        {
            throw Refuse(GatewayError.TooLarge(_limit));
        }
    }

    /// <summary>Judges what is here.</summary>
    /// <returns>Whether it came any further; otherwise more must come first.</returns>
    private bool Advance()
    {
        var here = _buffer.AsSpan(_judged, _end - _judged);
        switch (_state)
        {
            case State.Opening:
                // The first boundary has no line before it.
                return Skip(here, _delimiter.AsSpan(2), State.AfterBoundary);
            case State.AfterBoundary:
                return here.Length >= 2 && (here.StartsWith("--"u8) ? Pass(2, State.Closed) : Skip(here, "\r\n"u8, State.Head));
            case State.Head:
                return ReadHead(here);
            case State.Field:
                return ReadField(here);
            case State.File:
                return PassFile(here);
            default:
                // One last line break is what most clients write.
                return here.Length >= 2 && !_isOver && here is [(byte)'\r', (byte)'\n'] && Pass(2, State.Closed);
        }
    }

    private bool ReadHead(ReadOnlySpan<byte> here)
    {
        var end = here.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return here.Length > LongestHead ? throw Refuse(GatewayError.InvalidRequest("A part's headers are too long.")) : false;
        }

        if (PartHead.Read(here[..end]) is not { } part)
        {
            throw Refuse(GatewayError.InvalidRequest("Each part needs a Content-Disposition of form-data with a plain name, and no header besides but Content-Type."));
        }

        if (_form.Begin(part) is { } refusal)
        {
            throw Refuse(refusal);
        }

        _part = part;

        // The empty line's break begins the delimiter of a part without content.
        return Pass(end + 2, part.IsFile ? State.File : State.Field);
    }

    private bool ReadField(ReadOnlySpan<byte> here)
    {
        var content = here.Length >= 2 ? here[2..] : default;
        var end = FindDelimiter(here);
        if (end < 0)
        {
            return content.Length > UploadedForm.LongestField ? throw Refuse(GatewayError.InvalidRequest($"'{_part.Name}' is too long.", _part.Name)) : false;
        }

        string value;
        try
        {
            value = end == 0 ? "" : StrictUtf8.GetString(here[2..end]);
        }
        catch (DecoderFallbackException)
        {
            throw Refuse(GatewayError.InvalidRequest($"'{_part.Name}' is not UTF-8.", _part.Name));
        }

        return UploadedForm.Judge(_part, value) is { } refusal ? throw Refuse(refusal) : Pass(end + _delimiter.Length, State.AfterBoundary);
    }

    /// <summary>All passes but what may be the beginning of a delimiter.</summary>
    private bool PassFile(ReadOnlySpan<byte> here)
    {
        var end = FindDelimiter(here);
        if (end >= 0)
        {
            return Pass(end + _delimiter.Length, State.AfterBoundary);
        }

        var safe = here.Length - (_delimiter.Length - 1);
        return safe > 0 && Pass(safe, State.File);
    }

    /// <summary>A boundary that is not on a line of its own is one for some parsers, and for others is not.</summary>
    private int FindDelimiter(ReadOnlySpan<byte> here)
    {
        var boundary = here.IndexOf(_delimiter.AsSpan(2));
        return boundary < 0 ? -1
            : boundary >= 2 && here[(boundary - 2)..].StartsWith(_delimiter) ? boundary - 2
            : throw Refuse(GatewayError.InvalidRequest("A part of the form contains its boundary."));
    }

    private bool Skip(ReadOnlySpan<byte> here, ReadOnlySpan<byte> expected, State next)
    {
        var length = Math.Min(here.Length, expected.Length);
        if (!here[..length].SequenceEqual(expected[..length]))
        {
            throw Refuse(GatewayError.InvalidRequest("The multipart body is not in its plain form: boundaries on lines of their own, and nothing around them."));
        }

        return here.Length >= expected.Length && Pass(expected.Length, next);
    }

    private bool Pass(int length, State next)
    {
        _judged += length;
        _state = next;
        return true;
    }

    private UploadRefusedException Refuse(GatewayError refusal)
    {
        Refusal ??= refusal;
        return new UploadRefusedException(Refusal);
    }
}
