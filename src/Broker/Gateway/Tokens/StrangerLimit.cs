using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using TokenBroker.Operations;

namespace TokenBroker.Gateway;

/// <summary>
/// Bounds what an address can try with tokens that are not valid. Only tokens that memory does not know are held
/// back, so that a guesser behind the same address does not stop an app that has a good one in use.
/// </summary>
internal sealed class StrangerLimit(IOptions<GatewayOptions> options) : IDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(10);

    private readonly PartitionedRateLimiter<string> _limiter = PartitionedRateLimiter.Create<string, string>(network =>
        RateLimitPartition.GetSlidingWindowLimiter(network, _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = options.Value.InvalidTokensPerMinute,
            Window = TimeSpan.FromMinutes(1),
            SegmentsPerWindow = 6,
            QueueLimit = 0,
        }));

    /// <returns>The refusal of an address that sent too many tokens that are not valid.</returns>
    public GatewayError? Check(HttpContext context)
    {
        using var lease = _limiter.AttemptAcquire(ClientNetwork.Of(context), permitCount: 0);
        return lease.IsAcquired ? null : GatewayError.RateLimited(Wait);
    }

    public void Count(HttpContext context) => _limiter.AttemptAcquire(ClientNetwork.Of(context)).Dispose();

    public void Dispose() => _limiter.Dispose();
}
