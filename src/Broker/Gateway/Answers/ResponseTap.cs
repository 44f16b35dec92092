using System.Buffers;

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
/// What the gateway looks at in an answer on its way to the app, in the place where the bytes stand. They pass once the
/// guard has seen that the user's key is not among them, while the scanner reads the usage.
/// </summary>
/// <param name="guard">Keeps the user's key in.</param>
/// <param name="shape">What the bytes are: only JSON and events can tell usage, and only events can end with an error.</param>
/// <param name="hideUsage">Whether the gateway asked for usage that the client must not see.</param>
internal sealed class ResponseTap(KeyGuard guard, AnswerShape shape, bool hideUsage)
{
    private readonly UsageScanner _scanner = new();
    private readonly EventFilter? _filter = shape == AnswerShape.Events && hideUsage ? new EventFilter() : null;
    private bool _atLineStart = true;
    private bool _inData;
    private int _matched;

    public AnswerShape Shape => shape;

    public StreamEnd End { get; private set; }

    /// <summary>True where what passes is not what came: then bytes are given to <see cref="Filter"/>.</summary>
    public bool Filters => _filter is not null;

    /// <summary>The room that the next bytes need in front of them.</summary>
    public int Lead => guard.Held;

    /// <summary>The provider's usage object as JSON; empty where none came.</summary>
    public ReadOnlyMemory<byte> Usage => _scanner.Usage;

    /// <summary>The first of several reports; empty where there was one.</summary>
    public ReadOnlyMemory<byte> FirstUsage => _scanner.FirstUsage;

    /// <summary>The service tier that the answer names, in UTF-8; empty where it names none.</summary>
    public ReadOnlySpan<byte> Tier => _scanner.Tier;

    /// <summary>Events that carried data: about one output token each, where the provider reports no usage.</summary>
    public long Events { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>True where the provider's answer contained the user's key, and was withheld from there on.</summary>
    public bool KeyWasEchoed { get; private set; }

    /// <summary>Takes the next bytes, which stand behind <see cref="Lead"/> bytes of room.</summary>
    /// <param name="bytes">The room and the next bytes.</param>
    /// <param name="length">How many of them, from the first, may be passed on.</param>
    /// <returns>False where the answer must end here: it quotes the key.</returns>
    public bool TryPass(Span<byte> bytes, out int length)
    {
        if (!guard.TryPass(bytes, out length))
        {
            KeyWasEchoed = true;
            bytes.Clear();
            return false;
        }

        Bytes += length;
        Scan(bytes[..length]);
        return true;
    }

    /// <summary>Passes bytes on without what the client did not ask for.</summary>
    public void Filter(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output) => _filter!.Feed(bytes, output);

    /// <summary>The provider ended its answer: what was held back follows.</summary>
    public void Complete(IBufferWriter<byte> output)
    {
        End = StreamEnd.Complete;
        if (guard.Held > 0)
        {
            var rest = output.GetSpan(guard.Held)[..guard.Held];
            guard.PutHeld(rest);
            Bytes += rest.Length;
            if (_filter is null)
            {
                output.Advance(rest.Length);
            }
            else
            {
                _filter.Feed(rest.ToArray(), output);
            }
        }

        _filter?.Complete(output);
    }

    /// <summary>Whether usage can be read from the bytes.</summary>
    public bool MayTellUsage => shape != AnswerShape.Other;

    /// <summary>The provider ended its answer, and nobody reads it: what was held back goes nowhere.</summary>
    public void CompleteUnread() => End = StreamEnd.Complete;

    /// <summary>The gateway ends the answer before the provider did.</summary>
    public void Truncate() => End = StreamEnd.Truncated;

    /// <summary>Clears what was copied of the key, and gives back what was rented.</summary>
    public void Clear()
    {
        guard.Clear();
        _filter?.Clear();
    }

    /// <summary>Gives back what the usage stood in, once it is settled.</summary>
    public void EndUsage() => _scanner.Clear();

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
