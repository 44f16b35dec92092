using System.Collections.Concurrent;

namespace TokenBroker.Metering;

/// <summary>
/// Holds budgets and caps as hard limits, on one node or several, through kills. A call claims its worst cost from every
/// capped account of its line before it is sent, and settles its true cost after. It claims from memory: from what this
/// node has leased of the account, which the database counts as spent until it is given back. So the database never has
/// to be asked for a call, and no two nodes can spend the same money.
/// </summary>
/// <remarks>
/// The bound. Spent and leased together never pass a cap in the database (<see cref="LeaseStore"/>); claimed and settled
/// never pass the lease here (<see cref="BudgetBook"/>). So what is spent passes a cap only by what a provider charges above
/// a call's worst cost, and such an overrun cuts the account's open calls. A kill loses nothing of that: costs that were
/// settled and not yet stored stand in a file that outlives the process (<see cref="LeaseFile"/>), and calls that were open
/// count at their worst; without the file, all that the node leased counts. What a kill loses is detail: the rows of calls
/// that ended within the last second. Amounts are integers of micro-dollars. A call counts in the period in which it
/// began; days only go forward, so that a clock that is set back gives nothing twice.
/// </remarks>
internal sealed class BudgetLedger(LeaseStore store, CapsInUse caps, BudgetNode node, TimeProvider time)
{
    private const int Tries = 50;
    private readonly ConcurrentDictionary<BookKey, BudgetBook> _books = new();
    private readonly Lock _opening = new();
    private volatile Today _today = new(0, default);

    public IEnumerable<BudgetBook> Books => _books.Select(pair => pair.Value);

    /// <summary>The day and month that a call of now counts in.</summary>
    public SpendPeriods Now
    {
        get
        {
            var now = time.GetUtcNow();
            var (today, day) = (_today, now.UtcTicks / TimeSpan.TicksPerDay);
            return day <= today.Day ? today.Periods : Roll(day, SpendPeriods.Of(now));
        }
    }

    /// <summary>Claims the worst cost. Completes at once unless the lease has to be made larger.</summary>
    /// <returns>Null where a cap has no room for it.</returns>
    public ValueTask<BudgetReservation?> TryReserveAsync(BudgetLine line, long worstMicros, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(worstMicros);

        // Read once: another call may open the line anew meanwhile, and what is claimed from some books must not go back to others.
        var open = line.Open;
        return IsCurrent(open) && open.TryReserve(worstMicros, out _) == Claim.Made
            ? new ValueTask<BudgetReservation?>(new BudgetReservation(open, worstMicros))
            : new ValueTask<BudgetReservation?>(ReserveSlowlyAsync(line, worstMicros, cancellationToken));
    }

    /// <summary>The line's books as they are now.</summary>
    public async ValueTask<OpenBooks> OpenAsync(BudgetLine line, CancellationToken cancellationToken)
    {
        var open = line.Open;
        if (IsCurrent(open))
        {
            return open;
        }

        var (now, version) = (Now, caps.Version);
        var books = new List<CappedBook>();
        foreach (var account in line.Accounts)
        {
            if (account.Credit is { } credit)
            {
                books.Add(new CappedBook(BookOf(new BookKey(account.Id, SpendPeriods.Total)), 0, credit));
                continue;
            }

            Budget[] budgets = account.Own is { } own ? [own] : await caps.OfAsync(account.Id, cancellationToken);
            books.AddRange(budgets.Select(budget => new CappedBook(BookOf(new BookKey(account.Id, now.Of(budget.Period))), budget.Micros)));
        }

        return line.Open = new OpenBooks(line, now, version, [.. books]);
    }

    /// <summary>The book, where it is open here.</summary>
    public BudgetBook? Find(BookKey key) => _books.GetValueOrDefault(key);

    /// <summary>Forgets a book that was closed.</summary>
    public void Remove(BudgetBook book) => _books.TryRemove(KeyValuePair.Create(book.Key, book));

    /// <summary>Makes the lease large enough for a claim, where the cap allows it.</summary>
    public async Task<bool> RefillAsync(BudgetBook book, long micros, CancellationToken cancellationToken)
    {
        book.Want(micros);
        try
        {
            await book.Refill.WaitAsync(cancellationToken);
            try
            {
                return book.Free >= micros || await LeaseAsync(book, micros);
            }
            finally
            {
                book.Refill.Release();
            }
        }
        finally
        {
            book.Want(-micros);
        }
    }

    /// <summary>Makes the lease as large as it should be, where the cap allows that, and nobody else is at it.</summary>
    public async Task<bool> TopUpAsync(BudgetBook book)
    {
        if (!book.Refill.Wait(0))
        {
            return true;
        }

        try
        {
            return await LeaseAsync(book, 0);
        }
        finally
        {
            book.Refill.Release();
        }
    }

    /// <summary>Leases what is missing for a claim and for others that wait, and what would be good to have. The book's refill is held.</summary>
    private async Task<bool> LeaseAsync(BudgetBook book, long claim)
    {
        var least = Math.Max(0, claim - book.Free);
        var wish = new LeaseWish(least, Math.Max(least, book.Missing), Math.Max(0, book.Size.Wish - book.Free));

        // Never cancelled on the way: whether it was committed has to be known.
        var leased = await store.LeaseAsync(node.Id, book.Key, wish, CancellationToken.None);
        book.Add(leased.Granted, leased.Spent, leased.LeasedInAll);
        return leased.Granted > 0;
    }

    private async Task<BudgetReservation?> ReserveSlowlyAsync(BudgetLine line, long worstMicros, CancellationToken cancellationToken)
    {
        for (var i = 0; i < Tries; i++)
        {
            var open = await OpenAsync(line, cancellationToken);
            switch (open.TryReserve(worstMicros, out var failed))
            {
                case Claim.Made:
                    return new BudgetReservation(open, worstMicros);
                case Claim.Closed:
                    Remove(failed!);
                    line.Open = null;
                    break;
                case Claim.Short when !await RefillAsync(failed!, worstMicros, cancellationToken):
                    return null;
            }
        }

        return null;
    }

    private bool IsCurrent([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] OpenBooks? open) =>
        open is not null && open.CapsVersion == caps.Version && open.Now == Now;

    private BudgetBook BookOf(BookKey key)
    {
        if (_books.TryGetValue(key, out var open))
        {
            return open;
        }

        // One at a time: a second book of one account would have a slot of its own.
        lock (_opening)
        {
            return _books.GetOrAdd(key, static (key, node) => new BudgetBook(key, node.Take(key)), node);
        }
    }

    private SpendPeriods Roll(long day, SpendPeriods periods)
    {
        lock (_opening)
        {
            if (day > _today.Day)
            {
                _today = new Today(day, periods);
            }

            return _today.Periods;
        }
    }

    private sealed record Today(long Day, SpendPeriods Periods);
}
