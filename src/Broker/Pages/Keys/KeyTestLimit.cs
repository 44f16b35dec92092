using System.Threading.RateLimiting;

namespace TokenBroker.Pages.Keys;

/// <summary>Tests of stored keys, counted by person and node: each asks the vault and the provider.</summary>
internal sealed class KeyTestLimit : IDisposable
{
    public const int PerMinute = 6;

    private readonly PartitionedRateLimiter<Guid> _limiter = PartitionedRateLimiter.Create<Guid, Guid>(static userId =>
        RateLimitPartition.GetSlidingWindowLimiter(userId, static _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = PerMinute,
            Window = TimeSpan.FromMinutes(1),
            SegmentsPerWindow = 6,
            QueueLimit = 0,
        }));

    public bool Allows(Guid userId)
    {
        using var lease = _limiter.AttemptAcquire(userId);
        return lease.IsAcquired;
    }

    public void Dispose() => _limiter.Dispose();
}
