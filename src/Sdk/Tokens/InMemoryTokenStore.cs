using System.Collections.Concurrent;

namespace TokenBroker.Sdk;

/// <summary>
/// Keeps sealed tokens in the memory of this process: users connect again after a restart. Right for one node and for
/// development; use <see cref="DistributedCacheTokenStore"/> or an own <see cref="ITokenStore"/> otherwise.
/// </summary>
/// <param name="clock">Tells when entries have expired.</param>
public sealed class InMemoryTokenStore(TimeProvider clock) : ITokenStore
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private long nextSweep;

    /// <inheritdoc />
    public ValueTask<byte[]?> GetAsync(string connectionId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(entries.TryGetValue(connectionId, out var entry) && entry.ExpiresAt > clock.GetUtcNow() ? entry.Sealed : null);

    /// <inheritdoc />
    public ValueTask SetAsync(string connectionId, byte[] sealedTokens, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sealedTokens);
        entries[connectionId] = new Entry(sealedTokens, expiresAt);
        Sweep();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public ValueTask RemoveAsync(string connectionId, CancellationToken cancellationToken)
    {
        entries.TryRemove(connectionId, out _);
        return ValueTask.CompletedTask;
    }

    private void Sweep()
    {
        var now = clock.GetUtcNow();
        var due = Interlocked.Read(ref nextSweep);
        if (now.UtcTicks < due || Interlocked.CompareExchange(ref nextSweep, (now + SweepEvery).UtcTicks, due) != due)
        {
            return;
        }

        foreach (var entry in entries.Where(entry => entry.Value.ExpiresAt <= now))
        {
            entries.TryRemove(entry);
        }
    }

    private sealed record Entry(byte[] Sealed, DateTimeOffset ExpiresAt);
}
