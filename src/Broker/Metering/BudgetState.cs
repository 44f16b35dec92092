using TokenBroker.Grants;

namespace TokenBroker.Metering;

/// <param name="SpentMicros">Spent in the present period.</param>
/// <param name="RemainingMicros">What neither spent nor open calls claim; never below zero.</param>
/// <param name="ResetsAt">When the budget begins anew; null where it never does.</param>
internal sealed record BudgetStanding(long SpentMicros, long RemainingMicros, DateTimeOffset? ResetsAt);

/// <summary>Where a grant stands with its budget, for those who ask: from the book that calls are held against.</summary>
internal sealed class BudgetState(BudgetLedger ledger)
{
    public async Task<BudgetStanding> OfAsync(Grant grant, CancellationToken cancellationToken)
    {
        var budget = new Budget(grant.BudgetMicros, grant.BudgetPeriod);
        var account = await ledger.AccountAsync(grant.Id, cancellationToken);
        return new BudgetStanding(account.SpentOf(budget), account.LeftOf(budget), account.Now.ResetsAt(budget.Period));
    }
}
