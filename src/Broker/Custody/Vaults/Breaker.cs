namespace TokenBroker.Custody.Vaults;

/// <summary>
/// Leaves alone what has just failed: after a failure every caller is refused at once until a pause is over, which doubles
/// with each failure; then one caller tries, and the others wait for what it finds by being refused.
/// </summary>
internal sealed class Breaker(TimeProvider time)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private Exception? _failure;
    private TimeSpan _pause;
    private long _failedAt;
    private bool _trying;

    /// <summary>The last failure; null while all is well.</summary>
    public Exception? Failure
    {
        get
        {
            lock (_gate)
            {
                return _failure;
            }
        }
    }

    /// <summary>Whether the caller may try. One that may must call <see cref="Succeeded"/>, <see cref="Failed"/> or <see cref="GaveUp"/>.</summary>
    /// <param name="wait">Where it may not: for how long.</param>
    /// <param name="isTrial">Whether it is the one that tries after a failure. What was on its way before decides nothing any more.</param>
    public bool TryEnter(out TimeSpan wait, out bool isTrial)
    {
        lock (_gate)
        {
            (wait, isTrial) = (TimeSpan.Zero, false);
            if (_failure is null)
            {
                return true;
            }

            wait = _pause - time.GetElapsedTime(_failedAt);
            if (wait > TimeSpan.Zero || _trying)
            {
                wait = wait > ShortestPause ? wait : ShortestPause;
                return false;
            }

            return isTrial = _trying = true;
        }
    }

    public void Succeeded(bool isTrial)
    {
        if (!isTrial)
        {
            return;
        }

        lock (_gate)
        {
            (_failure, _pause, _trying) = (null, TimeSpan.Zero, false);
        }
    }

    /// <param name="failure">What it failed with.</param>
    /// <param name="retryAfter">How long the other side asked to be left alone.</param>
    /// <param name="isTrial">As <see cref="TryEnter"/> said.</param>
    public void Failed(Exception failure, TimeSpan? retryAfter, bool isTrial)
    {
        lock (_gate)
        {
            // Many that were on their way may fail together: that is one failure, not many.
            if (_failure is null || isTrial)
            {
                _pause = _pause == TimeSpan.Zero ? ShortestPause : Min(_pause * 2, LongestPause);
                _failedAt = time.GetTimestamp();
            }

            if (retryAfter is { } asked && asked > _pause)
            {
                _pause = Min(asked, TimeSpan.FromMinutes(1));
            }

            _failure = failure;
            _trying = _trying && !isTrial;
        }
    }

    /// <summary>The caller left before there was an answer.</summary>
    public void GaveUp(bool isTrial)
    {
        lock (_gate)
        {
            _trying = _trying && !isTrial;
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
