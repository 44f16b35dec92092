using System.Collections.Concurrent;

namespace TokenBroker.Gateway;

/// <summary>Why a call ended before its answer did.</summary>
internal enum CallEnd
{
    None,
    ClientLeft,
    Cut,
    Silent,
}

/// <summary>
/// Ends a call at the provider when its client goes away (or, where its answer is read on for what it tells of the cost,
/// when the limits of that are reached), its grant is cut, or the provider is silent for too long, whichever comes first. The clock runs only while the provider is waited for: a slow client is not a silent provider.
/// Waiting costs a note of the time and neither a timer nor an allocation: one timer looks at the notes, and stays armed
/// from call to call, since a watch is used again.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The source has no timer of its own, and a watch that is not used again is the collector's.")]
internal sealed class CallWatch
{
    /// <summary>How long the last words of a cut stream may take to reach a slow client.</summary>
    public static readonly TimeSpan CutGrace = TimeSpan.FromMilliseconds(500);

    private const int MostSpare = 1024;
    private static readonly ConcurrentQueue<CallWatch> s_spare = new();
    private static int s_spares;

    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _lock = new();
    private readonly Timer _timer;
    private HttpContext? _context;
    private DrainLimits? _drain;
    private long _drainDue;
    private long _idleMilliseconds;
    private long _waitingSince;
    private long _timerDue = long.MaxValue;
    private bool _isFlushing;
    private int _end;
    private CancellationTokenRegistration _onLeft;
    private CancellationTokenRegistration _onCut;
    private CancellationTokenRegistration _onStop;

    private CallWatch() => _timer = new Timer(static watch => ((CallWatch)watch!).Look(), this, Timeout.Infinite, Timeout.Infinite);

    /// <summary>Cancelled when the provider's side must end.</summary>
    public CancellationToken Token => _ending.Token;

    public CallEnd End => (CallEnd)Volatile.Read(ref _end);

    /// <summary>Whether the client has gone, and nobody is there to answer.</summary>
    public bool HasLeft => End == CallEnd.ClientLeft || Volatile.Read(ref _drainDue) != 0;

    /// <summary>How many bytes may be read on for a client that has left.</summary>
    public long MostDrained => _drain?.Bytes ?? 0;

    /// <param name="context">The call.</param>
    /// <param name="idle">How long the provider may be silent.</param>
    /// <param name="drain">How far the answer is read on when the client leaves; null to end it then.</param>
    /// <param name="cut">The grant's end.</param>
    public static CallWatch Over(HttpContext context, TimeSpan idle, DrainLimits? drain, CancellationToken cut)
    {
        if (s_spare.TryDequeue(out var watch))
        {
            Interlocked.Decrement(ref s_spares);
        }
        else
        {
            watch = new CallWatch();
        }

        (watch._context, watch._drain) = (context, drain);
        watch._idleMilliseconds = (long)idle.TotalMilliseconds;
        watch._onLeft = context.RequestAborted.UnsafeRegister(static watch => ((CallWatch)watch!).Leave(), watch);
        watch._onCut = cut.UnsafeRegister(static watch => CutCalls.Add((CallWatch)watch!), watch);
        return watch;
    }

    /// <summary>From here on it is the provider that is waited for.</summary>
    public void BeginWait()
    {
        var now = Environment.TickCount64;
        lock (_lock)
        {
            _waitingSince = now;
            if (_timerDue > now + _idleMilliseconds)
            {
                Arm(now + _idleMilliseconds, _idleMilliseconds);
            }
        }
    }

    public void EndWait() => Volatile.Write(ref _waitingSince, 0);

    /// <summary>From here on it is the client that is waited for. After a cut it has a moment, and is then hung up on.</summary>
    public void BeginFlush()
    {
        lock (_lock)
        {
            _isFlushing = true;
            if (End == CallEnd.Cut)
            {
                ArmForGrace();
            }
        }
    }

    public void EndFlush() => Volatile.Write(ref _isFlushing, false);

    /// <summary>The client has gone.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (_context is null || _drainDue != 0)
            {
                return;
            }

            if (_drain is { Stopping.IsCancellationRequested: false } drain)
            {
                Volatile.Write(ref _drainDue, Environment.TickCount64 + drain.Milliseconds);
                if (_timerDue > _drainDue)
                {
                    Arm(_drainDue, drain.Milliseconds);
                }

                _onStop = drain.Stopping.UnsafeRegister(static watch => ((CallWatch)watch!).EndBy(CallEnd.ClientLeft), this);
                return;
            }
        }

        EndBy(CallEnd.ClientLeft);
    }

    /// <summary>Nothing is gained by reading on: the call ends when its client leaves, or has ended with it.</summary>
    public void EndWithClient()
    {
        lock (_lock)
        {
            _drain = null;
        }

        if (HasLeft)
        {
            EndBy(CallEnd.ClientLeft);
        }
    }

    public void EndBy(CallEnd end)
    {
        if (Interlocked.CompareExchange(ref _end, (int)end, (int)CallEnd.None) != (int)CallEnd.None)
        {
            return;
        }

        if (end == CallEnd.Cut)
        {
            lock (_lock)
            {
                if (_isFlushing)
                {
                    ArmForGrace();
                }
            }
        }

        _ending.Cancel();
    }

    /// <summary>The call is over. Only a watch that nothing has ended, and that nobody else may still touch, is used again.</summary>
    /// <param name="mayReuse">False where a body may still be on its way out.</param>
    public void Release(bool mayReuse)
    {
        lock (_lock)
        {
            (_context, _waitingSince, _isFlushing) = (null, 0, false);
        }

        var isQuiet = _onLeft.Unregister() || _onLeft == default;
        isQuiet &= _onCut.Unregister() || _onCut == default;
        _onStop.Unregister();
        if (mayReuse && isQuiet && _drainDue == 0 && End == CallEnd.None && Volatile.Read(ref s_spares) < MostSpare && _ending.TryReset())
        {
            Interlocked.Increment(ref s_spares);
            s_spare.Enqueue(this);
        }
        else
        {
            _timer.Dispose();
        }
    }

    private void Look()
    {
        lock (_lock)
        {
            _timerDue = long.MaxValue;
            if (_context is null)
            {
                return;
            }

            if (End == CallEnd.Cut)
            {
                if (_isFlushing)
                {
                    _context.Abort();
                }

                return;
            }

            // A provider that is waited for, and a client that has left: whichever is due first.
            var now = Environment.TickCount64;
            var silent = Volatile.Read(ref _waitingSince) is > 0 and var since ? since + _idleMilliseconds : long.MaxValue;
            var due = _drainDue != 0 ? Math.Min(silent, _drainDue) : silent;
            if (due > now)
            {
                if (due < long.MaxValue)
                {
                    Arm(due, due - now);
                }

                return;
            }

            // Claimed inside the lock, so that a watch that is released meanwhile is not used again.
            var end = due == silent ? CallEnd.Silent : CallEnd.ClientLeft;
            if (Interlocked.CompareExchange(ref _end, (int)end, (int)CallEnd.None) != (int)CallEnd.None)
            {
                return;
            }
        }

        _ending.Cancel();
    }

    private void ArmForGrace() => Arm(0, (long)CutGrace.TotalMilliseconds);

    private void Arm(long due, long milliseconds)
    {
        _timerDue = due;
        _timer.Change(milliseconds, Timeout.Infinite);
    }
}
