using System.Collections.Frozen;
using TokenBroker.Grants;

namespace TokenBroker.Gateway;

/// <summary>What a call needs to know of its grant; read once, then unchanged.</summary>
internal sealed record GrantFacts(
    Guid UserId,
    string UpstreamId,
    Guid? UpstreamKeyId,
    FrozenSet<string> Scopes,
    FrozenSet<string>? Models,
    long MonthlyBudgetMicros,
    DateTime ExpiresAt,
    bool IsPaused,
    int Revision);

/// <summary>
/// A grant as the gateway holds it in memory. When the grant changes, this object is marked stale and a new one takes
/// its place at the next call; when it ends, the calls that hold it are cut through <see cref="Cut"/>. It is placed in
/// the cache before its facts are read, so that a change that commits during the read marks it stale as well.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The source has no timer and outlives the cache in calls that hold it; the collector takes it.")]
internal sealed class LiveGrant(Guid id, Func<Guid, Task<GrantFacts?>> read)
{
    private readonly CancellationTokenSource _cut = new();
    private readonly Lazy<Task<GrantFacts?>> _facts = new(() => read(id));
    private int _reason = -1;
    private volatile bool _isStale;

    public Guid Id => id;

    /// <summary>Null where the grant has ended, or never was.</summary>
    public Task<GrantFacts?> Facts => _facts.Value;

    public bool IsStale => _isStale;

    /// <summary>Cancelled when open calls must end.</summary>
    public CancellationToken Cut => _cut.Token;

    public CutReason? CutReason => Volatile.Read(ref _reason) is var reason and >= 0 ? (CutReason)reason : null;

    public void MarkStale(CutReason? cut)
    {
        _isStale = true;
        if (cut is { } reason && Interlocked.CompareExchange(ref _reason, (int)reason, -1) == -1)
        {
            // Off this thread: whoever revokes does not wait for a thousand streams to write their last event.
            _ = _cut.CancelAsync();
        }
    }
}
