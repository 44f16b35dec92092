using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Gateway;

/// <summary>The books that a call is paid from: its grant's, and those of the grants above it. All must hold it, or none is touched.</summary>
internal readonly struct Purses
{
    private readonly Purse[] _purses;

    private Purses(Purse[] purses) => _purses = purses;

    /// <summary>The least that any of them has left.</summary>
    public long Left => Tightest().Left;

    /// <summary>When the one with the least left begins anew; null where it never does.</summary>
    public DateTimeOffset? ResetsAt => Tightest().Purse is var tightest ? tightest.Account.Now.ResetsAt(tightest.Budget.Period) : null;

    public static async ValueTask<Purses> OpenAsync(BudgetLedger budgets, IReadOnlyList<GrantLine> line, CancellationToken cancellationToken)
    {
        var purses = new Purse[line.Count];
        for (var i = 0; i < purses.Length; i++)
        {
            purses[i] = new Purse(await budgets.AccountAsync(line[i].GrantId, cancellationToken), line[i].Budget);
        }

        return new Purses(purses);
    }

    /// <returns>Null where one of them does not hold the worst cost.</returns>
    public BudgetReservation? TryReserve(long worstMicros)
    {
        BudgetReservation? reservation = null;
        for (var i = _purses.Length - 1; i >= 0; i--)
        {
            if (_purses[i].Account.TryReserve(worstMicros, _purses[i].Budget, reservation) is not { } claim)
            {
                reservation?.Dispose();
                return null;
            }

            reservation = claim;
        }

        return reservation;
    }

    /// <summary>The claim of a call that costs nothing; a budget that is used up does not stop it.</summary>
    public BudgetReservation ReserveNothing()
    {
        BudgetReservation? reservation = null;
        for (var i = _purses.Length - 1; i >= 0; i--)
        {
            reservation = _purses[i].Account.TryReserve(0, new Budget(long.MaxValue, BudgetPeriod.Total), reservation);
        }

        return reservation ?? throw new InvalidOperationException("A call is paid from at least one book.");
    }

    private (Purse Purse, long Left) Tightest()
    {
        var tightest = _purses[0];
        var left = tightest.Account.LeftOf(tightest.Budget);
        foreach (var purse in _purses.AsSpan(1))
        {
            if (purse.Account.LeftOf(purse.Budget) is var less && less < left)
            {
                (tightest, left) = (purse, less);
            }
        }

        return (tightest, left);
    }

    private readonly record struct Purse(BudgetAccount Account, Budget Budget);
}
