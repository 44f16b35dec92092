using TokenBroker.Grants;

namespace TokenBroker.Metering;

/// <summary>One account in one period: the row of the spend table that a cap is held against.</summary>
internal readonly record struct BookKey(AccountId Account, int Period)
{
    public BudgetPeriod Kind => Period == SpendPeriods.Total ? BudgetPeriod.Total : Period > 10_000_000 ? BudgetPeriod.Day : BudgetPeriod.Month;

    public override string ToString() => $"{Account}/{Period}";
}

internal enum Claim
{
    Made,
    Short,

    /// <summary>The book was closed; the ledger has another by now, or will.</summary>
    Closed,
}

/// <summary>
/// This node's part of one account's budget in one period: what it leased, what open calls reserve of that, and what
/// settled calls cost and no flush has stored yet. Reserved and settled never pass the lease, unless a provider charged
/// more than the worst cost of a call. Every change is written to the slot first where it takes, and last where it
/// gives: a process that is killed between two stores has claimed too much, never too little.
/// </summary>
internal sealed class BudgetBook(BookKey key, ILeaseSlot slot)
{
    private readonly Lock _lock = new();
    private long _lease;
    private long _reserved;
    private long _settled;
    private long _flushing;
    private long _flushingLease;
    private long _written;
    private long _total;
    private long _spent;
    private long _others;
    private long _wanted;
    private bool _known;
    private bool _closed;

    public BookKey Key => key;

    /// <summary>One refill at a time; those who wait find what it brought.</summary>
    public SemaphoreSlim Refill { get; } = new(1);

    public LeaseSize Size { get; } = new();

    /// <summary>What a call may claim now; below zero where a call cost more than the lease.</summary>
    public long Free
    {
        get
        {
            lock (_lock)
            {
                return _lease - _reserved - _settled;
            }
        }
    }

    public bool IsIdle => Reserved == 0;

    /// <summary>What open calls may cost at most.</summary>
    public long Reserved
    {
        get
        {
            lock (_lock)
            {
                return _reserved;
            }
        }
    }

    /// <summary>Whether the account's row was read since it was opened.</summary>
    public bool IsKnown
    {
        get
        {
            lock (_lock)
            {
                return _known;
            }
        }
    }

    public long Lease
    {
        get
        {
            lock (_lock)
            {
                return _lease;
            }
        }
    }

    /// <summary>Spent by all nodes, as far as is known here.</summary>
    public long Spent
    {
        get
        {
            lock (_lock)
            {
                return _spent + _settled;
            }
        }
    }

    /// <summary>What nobody has spent, reserved or leased elsewhere, as far as is known here; never below zero.</summary>
    public long LeftOf(long cap)
    {
        lock (_lock)
        {
            return Math.Max(0, cap - _spent - _others - _settled - _reserved);
        }
    }

    /// <summary>Whether what was spent and what open calls reserve pass a cap.</summary>
    public bool Passes(long cap)
    {
        lock (_lock)
        {
            return _reserved > 0 && cap - _spent - _settled - _reserved < 0;
        }
    }

    public Claim TryReserve(long micros)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(micros);
        lock (_lock)
        {
            if (_closed)
            {
                return Claim.Closed;
            }

            Size.Used();

            // What costs nothing needs no lease. Compared by subtraction: large amounts must not overflow into a yes.
            if (micros > 0 && micros > _lease - _reserved - _settled)
            {
                return Claim.Short;
            }

            _reserved += micros;
            slot.Reserved = _reserved;
            Size.Held(_reserved + _settled);
            return Claim.Made;
        }
    }

    /// <summary>Puts what a call cost in place of what it reserved.</summary>
    public void Settle(long reserved, long cost)
    {
        lock (_lock)
        {
            _settled += cost;
            _total += cost;
            slot.Settled = _total;
            _reserved -= reserved;
            slot.Reserved = _reserved;
            Size.Spent(cost);
        }
    }

    public void Release(long reserved) => Settle(reserved, 0);

    /// <summary>Says what a refill is to bring for those who wait, and takes it back.</summary>
    public void Want(long micros)
    {
        lock (_lock)
        {
            _wanted += micros;
        }
    }

    /// <summary>What those who wait need beyond what is free.</summary>
    public long Missing
    {
        get
        {
            lock (_lock)
            {
                return Math.Max(0, _wanted - (_lease - _reserved - _settled));
            }
        }
    }

    /// <summary>After the database: so much more is leased, and this is what its row says.</summary>
    public void Add(long micros, long spent, long leasedInAll)
    {
        lock (_lock)
        {
            _lease += micros;
            See(spent, leasedInAll);
        }
    }

    /// <summary>Before the database: takes what is free out of the lease.</summary>
    public long TakeFree()
    {
        lock (_lock)
        {
            // What somebody is about to claim stays.
            var free = _wanted > 0 ? 0 : Math.Max(0, _lease - _reserved - _settled);
            _lease -= free;
            _others += free;
            return free;
        }
    }

    /// <summary>After the database: it is there for others.</summary>
    public void GaveBack(long micros)
    {
        lock (_lock)
        {
            _others = Math.Max(0, _others - micros);
        }
    }

    /// <summary>What the row says where nothing was leased.</summary>
    public void Learn(long spent, long leasedInAll)
    {
        lock (_lock)
        {
            See(spent, leasedInAll);
        }
    }

    /// <summary>What of the lease the flush uses up that is under way; nothing once the lease was lost.</summary>
    public long FlushingLease
    {
        get
        {
            lock (_lock)
            {
                return _flushingLease;
            }
        }
    }

    /// <summary>Begins to store some of what is settled.</summary>
    public void BeginFlush(long number, long cost)
    {
        lock (_lock)
        {
            _flushing = cost;
            _flushingLease = Math.Clamp(_lease, 0, cost);
            slot.Mark(number, _written + cost);
        }
    }

    public void EndFlush()
    {
        lock (_lock)
        {
            _settled -= _flushing;
            _lease = Math.Max(0, _lease - _flushingLease);
            _spent += _flushing;
            _written += _flushing;
            (_flushing, _flushingLease) = (0, 0);
        }
    }

    /// <summary>Somebody settled this node while it lives: it holds nothing any more.</summary>
    public void Lose()
    {
        lock (_lock)
        {
            (_lease, _flushingLease) = (0, 0);
        }
    }

    /// <summary>Closes a book that no call holds and whose every cost is stored. Its slot is free then.</summary>
    public bool TryClose()
    {
        lock (_lock)
        {
            if (!_closed && _reserved == 0 && _settled == 0 && _flushing == 0 && _wanted == 0 && _lease == 0)
            {
                _closed = true;
                slot.Free();
            }

            return _closed;
        }
    }

    private void See(long spent, long leasedInAll) =>
        (_spent, _others, _known) = (spent, Math.Max(0, leasedInAll - _lease), true);
}
