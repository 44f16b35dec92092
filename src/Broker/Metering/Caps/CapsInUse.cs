using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// The caps of the apps and users whose calls run here. A change in this process is known at once; one that a command or
/// another node made is found by <see cref="RecheckAsync"/>. Each lease asks the database itself.
/// </summary>
internal sealed class CapsInUse(IServiceScopeFactory scopes)
{
    private const int Most = 100_000;
    private readonly ConcurrentDictionary<AccountId, Budget[]> _caps = new();
    private (int Count, DateTime? Last)? _stamp;
    private int _version;

    /// <summary>Grows with every change: a line that was opened under another number is opened anew.</summary>
    public int Version => Volatile.Read(ref _version);

    public async ValueTask<Budget[]> OfAsync(AccountId account, CancellationToken cancellationToken)
    {
        if (_caps.TryGetValue(account, out var known))
        {
            return known;
        }

        var version = Version;
        var read = await ReadAsync(account, cancellationToken);
        if (version == Version && _caps.Count < Most)
        {
            _caps[account] = read;
        }

        return read;
    }

    /// <summary>Forgets everything where anything changed: caps change seldom.</summary>
    /// <returns>Whose caps were set since the last time.</returns>
    public async Task<IReadOnlyList<AccountId>> RecheckAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var caps = scope.ServiceProvider.GetRequiredService<BrokerDbContext>().SpendCaps.AsNoTracking();
        var stamp = (await caps.CountAsync(cancellationToken), await caps.MaxAsync(c => (DateTime?)c.At, cancellationToken));
        if (stamp == _stamp)
        {
            return [];
        }

        var since = _stamp is { } before ? before.Last ?? DateTime.MinValue : DateTime.MaxValue;
        _stamp = stamp;
        Forget();
        var set = await caps.Where(c => c.At >= since).Select(c => new { c.Kind, c.OwnerId }).Distinct().ToListAsync(cancellationToken);
        return [.. set.Select(c => new AccountId(c.Kind, c.OwnerId))];
    }

    public void Forget()
    {
        Interlocked.Increment(ref _version);
        _caps.Clear();
    }

    private async Task<Budget[]> ReadAsync(AccountId account, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var caps = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().SpendCaps.AsNoTracking()
            .Where(c => c.Kind == account.Kind && c.OwnerId == account.Id).ToListAsync(cancellationToken);
        return [.. caps.GroupBy(c => c.Period).Select(period => new Budget(period.Min(c => c.Micros), period.Key))];
    }
}
