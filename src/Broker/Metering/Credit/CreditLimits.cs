using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>How much ever came into an account of credit, as far as is known here. It only grows.</summary>
internal sealed class CreditLimit
{
    private long _micros;

    public long Micros => Volatile.Read(ref _micros);

    public void Raise(long micros)
    {
        for (var known = Micros; micros > known; known = Micros)
        {
            Interlocked.CompareExchange(ref _micros, micros, known);
        }
    }
}

/// <summary>
/// The credit of those whose calls run here. A top-up in this process is known at once; one by a command or on another
/// node is found by <see cref="RecheckAsync"/>. What holds is the account's row, at each lease.
/// </summary>
internal sealed class CreditLimits(IServiceScopeFactory scopes)
{
    private const int Page = 500;
    private readonly ConcurrentDictionary<Guid, CreditLimit> _limits = new();

    /// <summary>In memory before it is read, so that what comes in meanwhile is not missed.</summary>
    public async Task<CreditLimit> OfAsync(Guid accountId, CancellationToken cancellationToken)
    {
        if (_limits.TryGetValue(accountId, out var known))
        {
            return known;
        }

        var limit = _limits.GetOrAdd(accountId, static _ => new CreditLimit());
        await ReadAsync([accountId], cancellationToken);
        return limit;
    }

    public void Raise(Guid accountId, long micros)
    {
        if (_limits.TryGetValue(accountId, out var limit))
        {
            limit.Raise(micros);
        }
    }

    public async Task RecheckAsync(CancellationToken cancellationToken)
    {
        foreach (var ids in _limits.Keys.Chunk(Page))
        {
            await ReadAsync(ids, cancellationToken);
        }
    }

    private async Task ReadAsync(Guid[] ids, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var rows = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().CreditAccounts.AsNoTracking()
            .Where(a => ids.Contains(a.Id)).Select(a => new { a.Id, a.FundedMicros }).ToListAsync(cancellationToken);
        rows.ForEach(row => Raise(row.Id, row.FundedMicros));
    }
}
