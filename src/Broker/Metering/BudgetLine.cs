namespace TokenBroker.Metering;

/// <summary>One account of a call; a grant brings its budget along, and credit its limit, which grows; others are looked up.</summary>
internal readonly record struct LineAccount(AccountId Id, Budget? Own = null, CreditLimit? Credit = null);

/// <summary>
/// The accounts that a grant's calls draw on: the grant, those above it, its app and its user, and the credit that pays, if any. Made once for a grant as it
/// is; the books that are open for it are kept here, so that a call looks nothing up.
/// </summary>
internal sealed class BudgetLine(params LineAccount[] accounts)
{
    public IReadOnlyList<LineAccount> Accounts => accounts;

    private volatile OpenBooks? _open;

    /// <summary>Whoever finds it out of date puts another in its place, while others claim.</summary>
    internal OpenBooks? Open
    {
        get => _open;
        set => _open = value;
    }
}

/// <summary>A book, and the cap that this line knows for it. What holds is the cap in the database, at each lease.</summary>
internal readonly record struct CappedBook(BudgetBook Book, long Fixed, CreditLimit? Credit = null)
{
    public long CapMicros => Credit?.Micros ?? Fixed;
}

/// <summary>The books of a line in one day. An account without a cap has none: it is counted, and holds nobody up.</summary>
internal sealed record OpenBooks(BudgetLine Line, SpendPeriods Now, int CapsVersion, CappedBook[] Books)
{
    /// <summary>The least that any of the caps has left; <see cref="long.MaxValue"/> where there is none.</summary>
    public (long Micros, CappedBook? Of) Left()
    {
        (long Micros, CappedBook? Of) least = (long.MaxValue, null);
        foreach (var one in Books)
        {
            if (one.Book.LeftOf(one.CapMicros) is var left && left < least.Micros)
            {
                least = (left, one);
            }
        }

        return least;
    }

    /// <summary>When the tightest cap begins anew; null where it never does, or there is none.</summary>
    public DateTimeOffset? ResetsAt => Left().Of is { } tightest ? Now.ResetsAt(tightest.Book.Key.Kind) : null;

    /// <summary>Whether credit is what has the least left.</summary>
    public bool IsCreditTightest => Left().Of is { Credit: not null };

    /// <summary>Claims from every book or from none.</summary>
    /// <param name="micros">What each is to hold.</param>
    /// <param name="failed">The book that did not.</param>
    public Claim TryReserve(long micros, out BudgetBook? failed)
    {
        for (var i = 0; i < Books.Length; i++)
        {
            var claim = Books[i].Book.TryReserve(micros);
            if (claim != Claim.Made)
            {
                failed = Books[i].Book;
                for (var made = 0; made < i; made++)
                {
                    Books[made].Book.Release(micros);
                }

                return claim;
            }
        }

        failed = null;
        return Claim.Made;
    }
}
