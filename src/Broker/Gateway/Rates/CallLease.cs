namespace TokenBroker.Gateway;

/// <summary>A call's places among the calls that run at one time, and its part of the minute; disposing it gives the places back.</summary>
/// <param name="line">The accounts that it counts under.</param>
/// <param name="part">The part of the minute in which it came.</param>
/// <param name="wait">Set where it may not run: it then holds nothing.</param>
internal sealed class CallLease(RateOfCall[] line, long part, TimeSpan? wait) : IDisposable
{
    private long _tokens;
    private int _told;
    private int _ended;

    /// <summary>How long to wait, where the call may not run.</summary>
    public TimeSpan? Wait => wait;

    public ReadOnlySpan<RateOfCall> Line => line;

    /// <summary>Counts the most tokens that the call can take, under every account or none.</summary>
    /// <returns>How long to wait, where one has no room for them.</returns>
    public TimeSpan? TryTakeTokens(long tokens)
    {
        for (var i = 0; i < line.Length; i++)
        {
            var seconds = line[i].Rate.TryTakeTokens(tokens, line[i].Limits, part);
            if (seconds > 0)
            {
                Correct(line.AsSpan(0, i), tokens, 0);
                return TimeSpan.FromSeconds(seconds);
            }
        }

        _tokens = tokens;
        return null;
    }

    /// <summary>Says what the call used in truth.</summary>
    public void UseTokens(long tokens)
    {
        if (Interlocked.Exchange(ref _told, 1) == 0)
        {
            Correct(line, _tokens, tokens);
        }
    }

    public void Dispose()
    {
        if (wait is not null || Interlocked.Exchange(ref _ended, 1) != 0)
        {
            return;
        }

        // What was never settled was never sent.
        UseTokens(0);
        foreach (var one in line)
        {
            one.Rate.Leave();
        }
    }

    private void Correct(ReadOnlySpan<RateOfCall> accounts, long taken, long used)
    {
        foreach (var one in accounts)
        {
            one.Rate.CorrectTokens(part, taken, used, one.Limits);
        }
    }
}
