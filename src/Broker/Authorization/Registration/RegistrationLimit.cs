using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using TokenBroker.Operations;

namespace TokenBroker.Authorization.Registration;

/// <summary>Registrations by address: each leaves a row behind.</summary>
internal sealed class RegistrationLimit(IOptions<DynamicRegistrationOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<string> _limiter = PartitionedRateLimiter.Create<string, string>(network =>
        RateLimitPartition.GetSlidingWindowLimiter(network, _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = options.Value.PerHour,
            Window = TimeSpan.FromHours(1),
            SegmentsPerWindow = 12,
            QueueLimit = 0,
        }));

    public bool Allows(HttpContext context)
    {
        using var lease = _limiter.AttemptAcquire(ClientNetwork.Of(context));
        return lease.IsAcquired;
    }

    public void Dispose() => _limiter.Dispose();
}
