using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace TokenBroker.Gateway;

/// <summary>
/// What went through in the last minute, in twelve parts of five seconds, so that no minute ever holds more than its
/// limit. Integers only, and nothing is allocated. Not safe for threads: its owner locks.
/// </summary>
internal struct RateWindow
{
    public const int Parts = 12;
    public const int SecondsOfPart = 60 / Parts;

    private Counts _counts;
    private long _sum;
    private long _now;

    public readonly long Sum => _sum;

    /// <summary>Lets go of the parts that are over a minute old. Time that goes back is taken for no time.</summary>
    public void Advance(long part)
    {
        if (part <= _now)
        {
            return;
        }

        if (part - _now >= Parts)
        {
            (_counts, _sum) = (default, 0);
        }
        else
        {
            for (var next = _now + 1; next <= part; next++)
            {
                ref var count = ref At(next);
                _sum -= count;
                count = 0;
            }
        }

        _now = part;
    }

    public void Add(long amount)
    {
        At(_now) += amount;
        _sum += amount;
    }

    /// <summary>Makes what was added in a part more or less; a part that is over stays as it is.</summary>
    public void Correct(long part, long change)
    {
        if (part > _now || _now - part >= Parts)
        {
            return;
        }

        ref var count = ref At(part);
        change = Math.Max(change, -count);
        count += change;
        _sum += change;
    }

    /// <summary>Parts to wait until the amount fits; at most the whole minute.</summary>
    public long WaitFor(long amount, long limit)
    {
        var left = _sum;
        for (var part = _now - Parts + 1; part < _now; part++)
        {
            left -= At(part);
            if (amount <= limit - left)
            {
                return part + Parts - _now;
            }
        }

        return Parts;
    }

    /// <summary>Parts to wait until the window is empty.</summary>
    public long WaitForAll()
    {
        for (var part = _now; part > _now - Parts; part--)
        {
            if (At(part) != 0)
            {
                return part + Parts - _now;
            }
        }

        return 0;
    }

    [UnscopedRef]
    private ref long At(long part) => ref _counts[(int)((part % Parts + Parts) % Parts)];

    [InlineArray(Parts)]
    private struct Counts
    {
        private long _first;
    }
}
