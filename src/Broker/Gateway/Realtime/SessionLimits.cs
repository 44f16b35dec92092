namespace TokenBroker.Gateway;

/// <summary>Ends a session that lasts too long, or on which nothing happens.</summary>
internal sealed class SessionLimits : IDisposable
{
    private readonly RealtimeOptions _options;
    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly ITimer _timer;
    private long _lastEvent;

    public SessionLimits(RealtimeOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _began = _lastEvent = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((SessionLimits)state!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private Action<SessionEnd>? _onEnd;

    /// <summary>From now on it is looked at.</summary>
    public void Start(Action<SessionEnd> onEnd)
    {
        _onEnd = onEnd;
        Look();
    }

    /// <summary>Something was sent, by either side.</summary>
    public void Note() => Volatile.Write(ref _lastEvent, _time.GetTimestamp());

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var left = _options.SessionLength - _time.GetElapsedTime(_began);
        var quiet = _options.IdleTimeout - _time.GetElapsedTime(Volatile.Read(ref _lastEvent));
        if (left <= TimeSpan.Zero || quiet <= TimeSpan.Zero)
        {
            _onEnd?.Invoke(left <= TimeSpan.Zero ? SessionEnd.TooLong : SessionEnd.Idle);
            return;
        }

        var next = left < quiet ? left : quiet;
        _timer.Change(next < TimeSpan.FromMilliseconds(10) ? TimeSpan.FromMilliseconds(10) : next, Timeout.InfiniteTimeSpan);
    }
}
