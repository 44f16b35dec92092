using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace TokenBroker.Gateway;

/// <summary>The rate and the concurrency of each grant. The lease is held for as long as the call lasts.</summary>
internal sealed class GrantLimits(IOptions<GatewayOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<Guid> _rate = PartitionedRateLimiter.Create<Guid, Guid>(grant =>
        RateLimitPartition.GetSlidingWindowLimiter(grant, _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = options.Value.RequestsPerMinute,
            Window = TimeSpan.FromMinutes(1),
            SegmentsPerWindow = 12,
            QueueLimit = 0,
        }));

    private readonly PartitionedRateLimiter<Guid> _concurrency = PartitionedRateLimiter.Create<Guid, Guid>(grant =>
        RateLimitPartition.GetConcurrencyLimiter(grant, _ => new ConcurrencyLimiterOptions
        {
            PermitLimit = options.Value.ConcurrentCalls,
            QueueLimit = 0,
        }));

    /// <returns>The lease of the call, or the refusal.</returns>
    public (RateLimitLease? Lease, GatewayError? Refusal) Enter(Guid grantId)
    {
        var concurrent = _concurrency.AttemptAcquire(grantId);
        if (!concurrent.IsAcquired)
        {
            concurrent.Dispose();
            return (null, GatewayError.RateLimited(TimeSpan.FromSeconds(1)));
        }

        using var rate = _rate.AttemptAcquire(grantId);
        if (rate.IsAcquired)
        {
            return (concurrent, null);
        }

        concurrent.Dispose();
        return (null, GatewayError.RateLimited(rate.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromSeconds(5)));
    }

    public void Dispose()
    {
        _rate.Dispose();
        _concurrency.Dispose();
    }
}
