using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace TokenBroker.Gateway;

/// <summary>
/// The rate and the concurrency of each grant: the broker's own limits, and the user's where they gave a lower rate. A
/// call under a child grant takes a place of every grant above it too. The lease is held for as long as the call lasts.
/// </summary>
internal sealed class GrantLimits(IOptions<GatewayOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<RateOfGrant> _rate = PartitionedRateLimiter.Create<RateOfGrant, RateOfGrant>(rate =>
        RateLimitPartition.GetSlidingWindowLimiter(rate, static rate => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = rate.PerMinute,
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
    public (CallLease? Lease, GatewayError? Refusal) Enter(IReadOnlyList<GrantLine> line)
    {
        CallLease? lease = null;
        foreach (var grant in line)
        {
            var place = _concurrency.AttemptAcquire(grant.GrantId);
            if (!place.IsAcquired)
            {
                place.Dispose();
                lease?.Dispose();
                return (null, GatewayError.RateLimited(TimeSpan.FromSeconds(1)));
            }

            lease = new CallLease(place, lease);
        }

        foreach (var grant in line)
        {
            var perMinute = Math.Min(grant.RequestsPerMinute ?? int.MaxValue, options.Value.RequestsPerMinute);
            using var rate = _rate.AttemptAcquire(new RateOfGrant(grant.GrantId, perMinute));
            if (!rate.IsAcquired)
            {
                lease?.Dispose();
                return (null, GatewayError.RateLimited(rate.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromSeconds(5)));
            }
        }

        return (lease, null);
    }

    public void Dispose()
    {
        _rate.Dispose();
        _concurrency.Dispose();
    }

    /// <summary>A changed rate begins a window of its own.</summary>
    private readonly record struct RateOfGrant(Guid GrantId, int PerMinute);
}

/// <summary>A call's places among the calls that run at one time; disposing it gives them back.</summary>
internal sealed class CallLease(RateLimitLease place, CallLease? above) : IDisposable
{
    public void Dispose()
    {
        place.Dispose();
        above?.Dispose();
    }
}
