namespace TokenBroker.Metering;

/// <summary>What the spend table says of a grant when its book is opened.</summary>
internal readonly record struct Spending(long Day, long Month, long Total);

/// <summary>
/// One grant's book: what it spent this day, this month and in all, and what open calls have reserved. Reserved and
/// spent together never pass the budget that a reservation is asked under. Days and months only go forward: a clock
/// that is set back does not give a budget twice.
/// </summary>
internal sealed class BudgetAccount
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private SpendPeriods _now;
    private long _day;
    private long _month;
    private long _total;
    private long _reserved;
    private int _unwritten;
    private long _touched;
    private bool _closed;

    public BudgetAccount(Guid grantId, SpendPeriods now, Spending spent, TimeProvider time)
    {
        (GrantId, _now, _time) = (grantId, now, time);
        (_day, _month, _total) = (spent.Day, spent.Month, spent.Total);
        _touched = time.GetTimestamp();
    }

    public Guid GrantId { get; }

    /// <summary>True where no call holds a reservation.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                return _reserved == 0;
            }
        }
    }

    /// <summary>The day and month that a call of now counts in.</summary>
    public SpendPeriods Now
    {
        get
        {
            lock (_lock)
            {
                Roll();
                return _now;
            }
        }
    }

    /// <summary>What neither spent nor reserved calls claim; never below zero.</summary>
    public long LeftOf(Budget budget)
    {
        lock (_lock)
        {
            Roll();
            return Math.Max(0, budget.Micros - SpentIn(budget) - _reserved);
        }
    }

    /// <summary>What settled calls have cost in the budget's current period.</summary>
    public long SpentOf(Budget budget)
    {
        lock (_lock)
        {
            Roll();
            return SpentIn(budget);
        }
    }

    /// <returns>Null where the budget does not hold the worst cost.</returns>
    public BudgetReservation? TryReserve(long worstMicros, Budget budget, BudgetReservation? above = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(worstMicros);
        lock (_lock)
        {
            Roll();

            // Compared by subtraction: a sum of large amounts must not overflow into a yes.
            if (worstMicros > budget.Micros - SpentIn(budget) - _reserved)
            {
                return null;
            }

            _reserved += worstMicros;
            return new BudgetReservation(this, worstMicros, _now, above);
        }
    }

    /// <summary>Keeps the book open for a call that is about to use it.</summary>
    /// <returns>False where it was closed: the ledger has another by now, or will.</returns>
    public bool Touch()
    {
        lock (_lock)
        {
            _touched = _time.GetTimestamp();
            return !_closed;
        }
    }

    /// <summary>Closes a book that nobody uses and whose every entry is in the database.</summary>
    public bool TryClose(TimeSpan unusedFor)
    {
        lock (_lock)
        {
            _closed = _closed || (_reserved == 0 && _unwritten == 0 && _time.GetElapsedTime(_touched) > unusedFor);
            return _closed;
        }
    }

    internal void Settle(long reservedMicros, long costMicros, SpendPeriods began)
    {
        lock (_lock)
        {
            Roll();
            _reserved -= reservedMicros;
            _total += costMicros;
            _month += began.Month == _now.Month ? costMicros : 0;
            _day += began.Day == _now.Day ? costMicros : 0;
            _unwritten++;
        }
    }

    internal void Release(long reservedMicros)
    {
        lock (_lock)
        {
            _reserved -= reservedMicros;
        }
    }

    internal void MarkWritten()
    {
        lock (_lock)
        {
            _unwritten--;
        }
    }

    private long SpentIn(Budget budget) => budget.Period switch
    {
        Grants.BudgetPeriod.Day => _day,
        Grants.BudgetPeriod.Month => _month,
        _ => _total,
    };

    private void Roll()
    {
        var now = SpendPeriods.Of(_time.GetUtcNow());
        if (now.Day <= _now.Day)
        {
            return;
        }

        _day = 0;
        _month = now.Month > _now.Month ? 0 : _month;
        _now = now;
    }
}
