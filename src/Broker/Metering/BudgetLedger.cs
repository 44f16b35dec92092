using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// Holds each grant's monthly budget as a hard cap. A call reserves its worst cost before it is sent and settles the
/// true cost after; what is spent and reserved together never passes the budget, under any concurrency, and a
/// reservation always ends with its call. Amounts are integers of micro-dollars. The books are in memory, opened from
/// the spend table; the usage log writes what was settled behind the calls, so one node serves one database.
/// </summary>
internal sealed class BudgetLedger(IServiceScopeFactory scopes, TimeProvider time)
{
    private readonly ConcurrentDictionary<(Guid GrantId, int Month), Lazy<Task<Account>>> _accounts = new();

    /// <summary>The month, as <c>yyyyMM</c> in UTC, that a call of now counts against.</summary>
    public int CurrentMonth => MonthOf(time.GetUtcNow());

    public static int MonthOf(DateTimeOffset at) => (at.UtcDateTime.Year * 100) + at.UtcDateTime.Month;

    /// <summary>The grant's book for this month. Completes at once unless it is the first use.</summary>
    public ValueTask<Account> AccountAsync(Guid grantId, CancellationToken cancellationToken)
    {
        var key = (grantId, CurrentMonth);
        var opened = _accounts.GetOrAdd(key, static (k, self) => new Lazy<Task<Account>>(() => self.OpenAsync(k)), this);
        if (opened.Value.IsCompletedSuccessfully)
        {
            return new ValueTask<Account>(opened.Value.GetAwaiter().GetResult());
        }

        return WaitAsync(key, opened, cancellationToken);
    }

    /// <summary>Forgets the books of past months that no call holds.</summary>
    public void DropOld()
    {
        var current = CurrentMonth;
        foreach (var (key, account) in _accounts)
        {
            if (key.Month != current && account.Value is { IsCompletedSuccessfully: true } opened && opened.GetAwaiter().GetResult().IsIdle)
            {
                _accounts.TryRemove(KeyValuePair.Create(key, account));
            }
        }
    }

    private async ValueTask<Account> WaitAsync(
        (Guid GrantId, int Month) key, Lazy<Task<Account>> opened, CancellationToken cancellationToken)
    {
        try
        {
            return await opened.Value.WaitAsync(cancellationToken);
        }
        catch (Exception) when (opened.Value.IsFaulted)
        {
            _accounts.TryRemove(KeyValuePair.Create(key, opened));
            throw;
        }
    }

    private async Task<Account> OpenAsync((Guid GrantId, int Month) key)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var spent = await db.Spend.AsNoTracking()
            .Where(s => s.GrantId == key.GrantId && s.Period == key.Month)
            .Select(s => s.CostMicros)
            .FirstOrDefaultAsync();
        return new Account(key.Month, spent);
    }

    /// <summary>One grant's book for one month.</summary>
    internal sealed class Account(int month, long spentMicros)
    {
        private readonly Lock _lock = new();
        private long _spent = spentMicros;
        private long _reserved;

        public int Month => month;

        public bool IsIdle
        {
            get
            {
                lock (_lock)
                {
                    return _reserved == 0;
                }
            }
        }

        /// <summary>What neither spent nor reserved calls claim; never below zero.</summary>
        public long LeftOf(long budgetMicros)
        {
            lock (_lock)
            {
                return Math.Max(0, budgetMicros - _spent - _reserved);
            }
        }

        /// <returns>Null where the budget does not hold the worst cost.</returns>
        public Reservation? TryReserve(long worstMicros, long budgetMicros)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(worstMicros);
            lock (_lock)
            {
                // Compared by subtraction: a sum of large amounts must not overflow into a yes.
                if (worstMicros > budgetMicros - _spent - _reserved)
                {
                    return null;
                }

                _reserved += worstMicros;
                return new Reservation(this, worstMicros);
            }
        }

        internal void Settle(long reservedMicros, long costMicros)
        {
            lock (_lock)
            {
                _reserved -= reservedMicros;
                _spent += costMicros;
            }
        }
    }

    /// <summary>The claim of one call. It is settled once; disposing an unsettled one gives it back.</summary>
    internal sealed class Reservation(Account account, long micros) : IDisposable
    {
        private int _settled;

        public long Micros => micros;

        public int Month => account.Month;

        public void Settle(long costMicros)
        {
            if (Interlocked.Exchange(ref _settled, 1) == 0)
            {
                account.Settle(micros, Math.Max(0, costMicros));
            }
        }

        public void Dispose() => Settle(0);
    }
}
