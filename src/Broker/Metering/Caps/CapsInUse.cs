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
    private (int Count, DateTime? Last) _stamp;
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
    /// <returns>Whether something did.</returns>
    public async Task<bool> RecheckAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var caps = scope.ServiceProvider.GetRequiredService<BrokerDbContext>().SpendCaps.AsNoTracking();
        var stamp = (await caps.CountAsync(cancellationToken), await caps.MaxAsync(c => (DateTime?)c.At, cancellationToken));
        if (stamp == _stamp)
        {
            return false;
        }

        _stamp = stamp;
        Forget();
        return true;
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
