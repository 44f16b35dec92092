using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <param name="SpentMicros">Spent in the present period.</param>
/// <param name="RemainingMicros">What is left; never below zero.</param>
/// <param name="ResetsAt">When the budget begins anew; null where it never does.</param>
internal sealed record BudgetStanding(long SpentMicros, long RemainingMicros, DateTimeOffset? ResetsAt);

/// <summary>Where a grant stands with its budget, for those who ask; what may be spent is decided by the ledger alone.</summary>
internal sealed class BudgetState(BrokerDbContext db, TimeProvider time)
{
    public async Task<BudgetStanding> OfAsync(Grant grant, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var period = PeriodOf(grant.BudgetPeriod, now);
        var spent = await db.Spend.AsNoTracking()
            .Where(s => s.GrantId == grant.Id && s.Period == period)
            .Select(s => s.CostMicros)
            .FirstOrDefaultAsync(cancellationToken);
        return new BudgetStanding(spent, Math.Max(0, grant.BudgetMicros - spent), ResetOf(grant.BudgetPeriod, now));
    }

    /// <summary>As <see cref="Spend.Period"/> has it.</summary>
    public static int PeriodOf(BudgetPeriod period, DateTimeOffset now) => period switch
    {
        BudgetPeriod.Day => (BudgetLedger.MonthOf(now) * 100) + now.UtcDateTime.Day,
        BudgetPeriod.Month => BudgetLedger.MonthOf(now),
        _ => 0,
    };

    public static DateTimeOffset? ResetOf(BudgetPeriod period, DateTimeOffset now)
    {
        var day = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        return period switch
        {
            BudgetPeriod.Day => day.AddDays(1),
            BudgetPeriod.Month => day.AddDays(1 - day.Day).AddMonths(1),
            _ => null,
        };
    }
}
