using TokenBroker.Grants;

namespace TokenBroker.Metering;

/// <param name="SpentMicros">Spent in the present period.</param>
/// <param name="RemainingMicros">What neither spent nor open calls claim; never below zero.</param>
/// <param name="ResetsAt">When the budget begins anew; null where it never does.</param>
internal sealed record BudgetStanding(long SpentMicros, long RemainingMicros, DateTimeOffset? ResetsAt);

/// <summary>Where a grant stands with its budget, for those who ask: from the book that its calls are held against, where it is open here.</summary>
internal sealed class BudgetState(BudgetLedger ledger, LeaseStore store)
{
    public async Task<BudgetStanding> OfAsync(Grant grant, CancellationToken cancellationToken)
    {
        var now = ledger.Now;
        var key = new BookKey(new AccountId(AccountKind.Grant, grant.Id), now.Of(grant.BudgetPeriod));
        if (ledger.Find(key) is { IsKnown: true } book)
        {
            return new BudgetStanding(book.Spent, book.LeftOf(grant.BudgetMicros), now.ResetsAt(grant.BudgetPeriod));
        }

        var row = await store.ReadAsync(key, cancellationToken);
        return new BudgetStanding(row.Spent, Math.Max(0, grant.BudgetMicros - row.Spent - row.LeasedInAll), now.ResetsAt(grant.BudgetPeriod));
    }
}
