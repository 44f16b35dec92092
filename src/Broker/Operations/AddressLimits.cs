using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace TokenBroker.Operations;

/// <summary>
/// The limit that holds for every address before anything else runs. The gateway's calls are left to the limits of
/// their grants: an app's server makes those of all its users from one address.
/// </summary>
internal static class AddressLimits
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    public static void AddAddressLimits(this WebApplicationBuilder builder) =>
        builder.Services.AddOptions<RateLimiterOptions>().Configure<IOptions<BrokerOptions>>((limiter, broker) =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => IsGateway(context)
                ? RateLimitPartition.GetNoLimiter("gateway")
                : RateLimitPartition.GetSlidingWindowLimiter(ClientNetwork.Of(context), _ => new SlidingWindowRateLimiterOptions
                {
                    PermitLimit = broker.Value.RequestsPerMinute,
                    Window = Window,
                    SegmentsPerWindow = 6,
                    QueueLimit = 0,
                }));
            limiter.OnRejected = static (rejected, _) =>
            {
                var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var left) ? left : Window;
                rejected.HttpContext.Response.Headers.RetryAfter =
                    ((int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                return ValueTask.CompletedTask;
            };
        });

    private static bool IsGateway(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<LimitedByItsGrant>() is not null;
}

/// <summary>Marks an endpoint whose calls have limits of their own.</summary>
internal sealed class LimitedByItsGrant;
