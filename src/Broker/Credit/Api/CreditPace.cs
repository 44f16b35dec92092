using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace TokenBroker.Credit.Api;

/// <summary>How often one secret may ask, whatever address it asks from.</summary>
internal sealed class CreditPace(IOptions<CreditOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<Guid> _limiter = PartitionedRateLimiter.Create<Guid, Guid>(secretId =>
        RateLimitPartition.GetSlidingWindowLimiter(secretId, _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = options.Value.RequestsPerMinute,
            Window = TimeSpan.FromMinutes(1),
            SegmentsPerWindow = 6,
            QueueLimit = 0,
        }));

    public bool Allows(Guid secretId)
    {
        using var lease = _limiter.AttemptAcquire(secretId);
        return lease.IsAcquired;
    }

    public void Dispose() => _limiter.Dispose();
}
