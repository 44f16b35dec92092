using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// Holds each grant's budget as a hard cap. A call reserves its worst cost before it is sent and settles the true cost
/// after; what is spent and reserved together never passes the budget, under any concurrency, and a reservation
/// always ends with its call. Amounts are integers of micro-dollars. The books are in memory, opened from the spend
/// table; the usage log writes what was settled behind the calls, so one node serves one database.
/// </summary>
internal sealed class BudgetLedger(IServiceScopeFactory scopes, TimeProvider time)
{
    private static readonly TimeSpan UnusedFor = TimeSpan.FromHours(1);
    private readonly ConcurrentDictionary<Guid, Lazy<Task<BudgetAccount>>> _accounts = new();

    /// <summary>The grant's book. Completes at once unless it is the first use.</summary>
    public ValueTask<BudgetAccount> AccountAsync(Guid grantId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var opened = _accounts.GetOrAdd(grantId, static (id, self) => new Lazy<Task<BudgetAccount>>(() => self.OpenAsync(id)), this);
            if (!opened.Value.IsCompletedSuccessfully)
            {
                return WaitAsync(grantId, opened, cancellationToken);
            }

            var account = opened.Value.GetAwaiter().GetResult();
            if (account.Touch())
            {
                return new ValueTask<BudgetAccount>(account);
            }

            _accounts.TryRemove(KeyValuePair.Create(grantId, opened));
        }
    }

    /// <summary>Forgets the books that nobody uses.</summary>
    public void DropOld()
    {
        foreach (var (grantId, opened) in _accounts)
        {
            if (opened is { IsValueCreated: true, Value.IsCompletedSuccessfully: true } && opened.Value.GetAwaiter().GetResult().TryClose(UnusedFor))
            {
                _accounts.TryRemove(KeyValuePair.Create(grantId, opened));
            }
        }
    }

    private async ValueTask<BudgetAccount> WaitAsync(Guid grantId, Lazy<Task<BudgetAccount>> opened, CancellationToken cancellationToken)
    {
        try
        {
            return await opened.Value.WaitAsync(cancellationToken);
        }
        catch (Exception) when (opened.Value.IsFaulted)
        {
            _accounts.TryRemove(KeyValuePair.Create(grantId, opened));
            throw;
        }
    }

    private async Task<BudgetAccount> OpenAsync(Guid grantId)
    {
        var now = SpendPeriods.Of(time.GetUtcNow());
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var spent = await db.Spend.AsNoTracking()
            .Where(s => s.GrantId == grantId && (s.Period == now.Day || s.Period == now.Month || s.Period == SpendPeriods.Total))
            .ToDictionaryAsync(s => s.Period, s => s.CostMicros);
        return new BudgetAccount(
            grantId,
            now,
            new Spending(spent.GetValueOrDefault(now.Day), spent.GetValueOrDefault(now.Month), spent.GetValueOrDefault(SpendPeriods.Total)),
            time);
    }
}
