using System.Buffers;
using System.Runtime.CompilerServices;

namespace TokenBroker.Gateway;

/// <summary>
/// Finds the provider's usage object in a response as its bytes go by, in constant memory: the last object under
/// <c>usage</c>, at the top or inside <c>response</c> or <c>message</c>, of the body or of any event of a stream, and the
/// last text under <c>service_tier</c> beside it. It follows strings and nesting byte by byte and holds nothing but these.
/// </summary>
internal sealed class UsageScanner
{
    private const int LongestUsage = 16 * 1024;
    private const int UsualUsage = 512;
    private const int LongestWord = 24;

    private Word _key;
    private int _keyLength;
    private Word _tier;
    private int _tierLength;
    private bool _inTier;
    private bool _inKey;
    private bool _expectKey;
    private bool _inString;
    private bool _escaped;
    private ulong _objects;
    private int _depth;
    private bool _inResponse;
    private int _captureDepth;
    private byte[]? _captured;
    private byte[]? _last;
    private byte[]? _first;
    private int _capturedLength;
    private Match _match;

    private enum Match
    {
        None,
        Usage,
        Response,
        Tier,
    }

    /// <summary>The last whole usage object, as JSON; empty where none was seen.</summary>
    public ReadOnlyMemory<byte> Usage { get; private set; }

    /// <summary>The one before the last, where an answer tells its usage more than once; empty otherwise.</summary>
    public ReadOnlyMemory<byte> FirstUsage { get; private set; }

    /// <summary>The last service tier that was named, but for <c>auto</c>, which is none; empty where none was.</summary>
    public ReadOnlySpan<byte> Tier => ((ReadOnlySpan<byte>)_tier)[..(_inTier ? 0 : _tierLength)];

    /// <summary>Starts a new JSON value; what was found stays.</summary>
    public void Reset()
    {
        (_depth, _objects, _captureDepth, _capturedLength) = (0, 0, 0, 0);
        (_inString, _escaped, _inKey, _expectKey, _inResponse, _inTier) = (false, false, false, false, false, false);
        _match = Match.None;
    }

    public void Feed(ReadOnlySpan<byte> json)
    {
        while (json.Length > 0)
        {
            if (_inString && !_escaped)
            {
                // The body of a string, where nearly all bytes are: to its end or its next escape at once.
                var next = json.IndexOfAny((byte)'"', (byte)'\\');
                var run = next < 0 ? json : json[..next];
                Capture(run);
                TakeText(run);
                json = json[run.Length..];
                if (next < 0)
                {
                    return;
                }
            }

            Capture(json[..1]);
            Step(json[0]);
            json = json[1..];
        }
    }

    /// <summary>Gives back what was rented: what was found is read by then.</summary>
    public void Clear()
    {
        (Usage, FirstUsage) = (default, default);
        Return(ref _captured);
        Return(ref _last);
        Return(ref _first);
    }

    private static void Return(ref byte[]? rented)
    {
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
            rented = null;
        }
    }

    private void Keep()
    {
        if (_last is not null && _first is null)
        {
            (_first, FirstUsage, _last) = (_last, Usage, null);
        }

        Return(ref _last);
        (_last, Usage, _captured) = (_captured, _captured.AsMemory(0, _capturedLength), null);
    }

    private void Capture(ReadOnlySpan<byte> run)
    {
        if (_captureDepth == 0)
        {
            return;
        }

        // One that is longer is none that any provider sends, and is not kept at its end.
        run = run[..Math.Min(run.Length, LongestUsage - _capturedLength)];
        if (_capturedLength + run.Length > _captured!.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(2 * (_capturedLength + run.Length));
            _captured.AsSpan(0, _capturedLength).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_captured);
            _captured = larger;
        }

        run.CopyTo(_captured.AsSpan(_capturedLength));
        _capturedLength += run.Length;
    }

    /// <summary>Letters of a string, without an escape among them.</summary>
    private void TakeText(ReadOnlySpan<byte> run)
    {
        if (_inKey)
        {
            if (_keyLength + run.Length > LongestWord)
            {
                (_inKey, _match) = (false, Match.None);
                return;
            }

            run.CopyTo(((Span<byte>)_key)[_keyLength..]);
            _keyLength += run.Length;
        }
        else if (_inTier)
        {
            // A longer name than any is cut, and is then none that is known.
            run = run[..Math.Min(run.Length, LongestWord - _tierLength)];
            run.CopyTo(((Span<byte>)_tier)[_tierLength..]);
            _tierLength += run.Length;
        }
    }

    private void Step(byte b)
    {
        if (_inString)
        {
            StepInString(b);
            return;
        }

        switch (b)
        {
            case (byte)'"':
                _inString = true;
                _inKey = _expectKey && (_depth == 1 || (_depth == 2 && _inResponse));
                _keyLength = 0;
                if (_match == Match.Tier && !_inKey)
                {
                    (_inTier, _tierLength) = (true, 0);
                }

                break;
            case (byte)'{' or (byte)'[':
                Open(isObject: b == (byte)'{');
                break;
            case (byte)'}' or (byte)']':
                Close();
                break;
            case (byte)',':
                _expectKey = InObject;
                _match = Match.None;
                break;
            case (byte)':':
                _expectKey = false;
                break;
            default:
                break;
        }
    }

    private bool InObject => _depth is > 0 and <= 64 && (_objects & (1UL << (_depth - 1))) != 0;

    private void StepInString(byte b)
    {
        if (_escaped)
        {
            _escaped = false;
        }
        else if (b == (byte)'\\')
        {
            _escaped = true;
        }
        else if (b == (byte)'"')
        {
            _inString = false;
            if (_inKey)
            {
                ReadOnlySpan<byte> key = ((ReadOnlySpan<byte>)_key)[.._keyLength];
                _match = key.SequenceEqual("usage"u8) ? Match.Usage
                    : key.SequenceEqual("service_tier"u8) ? Match.Tier
                    : _depth == 1 && (key.SequenceEqual("response"u8) || key.SequenceEqual("message"u8)) ? Match.Response
                    : Match.None;
                _inKey = false;
            }
            else if (_inTier)
            {
                _inTier = false;
                _tierLength = Tier.SequenceEqual("auto"u8) ? 0 : _tierLength;
            }

            return;
        }

        TakeText([b]);
    }

    private void Open(bool isObject)
    {
        if (isObject && _match == Match.Usage && _captureDepth == 0)
        {
            _captured ??= ArrayPool<byte>.Shared.Rent(UsualUsage);
            _captured[0] = (byte)'{';
            _capturedLength = 1;
            _captureDepth = _depth + 1;
        }

        _inResponse |= isObject && _match == Match.Response && _depth == 1;
        _match = Match.None;
        if (_depth < 64)
        {
            _objects = isObject ? _objects | (1UL << _depth) : _objects & ~(1UL << _depth);
        }

        _depth++;
        _expectKey = isObject;
    }

    private void Close()
    {
        if (_captureDepth == _depth && _captureDepth > 0)
        {
            if (_capturedLength < LongestUsage)
            {
                Keep();
            }

            _captureDepth = 0;
        }

        _inResponse &= _depth > 2;
        _depth = Math.Max(0, _depth - 1);
        _expectKey = false;
        _match = Match.None;
    }

    [InlineArray(LongestWord)]
    private struct Word
    {
        private byte _first;
    }
}
