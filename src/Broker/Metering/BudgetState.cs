using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <param name="SpentMicros">Spent in the present period.</param>
/// <param name="RemainingMicros">What neither spent nor open calls claim; never below zero.</param>
/// <param name="ResetsAt">When the budget begins anew; null where it never does.</param>
internal sealed record BudgetStanding(long SpentMicros, long RemainingMicros, DateTimeOffset? ResetsAt);

/// <summary>Where a grant stands with its budget, for those who ask: from the book that its calls are held against, where it is open here.</summary>
internal sealed class BudgetState(BudgetLedger ledger, BrokerDbContext db)
{
    public async Task<BudgetStanding> OfAsync(Grant grant, CancellationToken cancellationToken)
    {
        var now = ledger.Now;
        var key = new BookKey(new AccountId(AccountKind.Grant, grant.Id), now.Of(grant.BudgetPeriod));
        if (ledger.Find(key) is { IsKnown: true } book)
        {
            return new BudgetStanding(book.Spent, book.LeftOf(grant.BudgetMicros), now.ResetsAt(grant.BudgetPeriod));
        }

        var (kind, id, period) = (key.Account.Kind, key.Account.Id, key.Period);
        var row = await db.Spend.AsNoTracking().FirstOrDefaultAsync(s => s.Kind == kind && s.OwnerId == id && s.Period == period, cancellationToken);
        var (spent, leased) = (row?.CostMicros ?? 0, row?.LeasedMicros ?? 0);
        return new BudgetStanding(spent, Math.Max(0, grant.BudgetMicros - spent - leased), now.ResetsAt(grant.BudgetPeriod));
    }
}
