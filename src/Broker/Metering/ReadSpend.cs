using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>What an account has spent, for people to read: as it is stored, which calls of the last second may not be yet.</summary>
internal sealed class ReadSpend(BrokerDbContext db, TimeProvider time)
{
    /// <returns>For the present day and month (both UTC), and in all.</returns>
    public async Task<IReadOnlyDictionary<BudgetPeriod, long>> OfAsync(AccountId account, CancellationToken cancellationToken)
    {
        var now = SpendPeriods.Of(time.GetUtcNow());
        var rows = await db.Spend.AsNoTracking()
            .Where(s => s.Kind == account.Kind && s.OwnerId == account.Id && (s.Period == now.Day || s.Period == now.Month || s.Period == SpendPeriods.Total))
            .ToDictionaryAsync(s => s.Period, s => s.CostMicros, cancellationToken);
        return Enum.GetValues<BudgetPeriod>().ToDictionary(period => period, period => rows.GetValueOrDefault(now.Of(period)));
    }
}
