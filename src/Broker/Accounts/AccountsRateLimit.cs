using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using TokenBroker.Operations;

namespace TokenBroker.Accounts;

/// <summary>
/// Posts with credentials, counted by address: what slows a guesser who tries many accounts. One account's own limit
/// is in <see cref="Passwords.PasswordCheck"/>. Reading a page is free; asking for passkey options, which the sign-in
/// page does by itself when it opens, is counted apart and more generously.
/// </summary>
internal sealed class AccountsRateLimit(IOptions<AccountsOptions> options) : IRateLimiterPolicy<string>
{
    public const string Policy = "accounts";

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    public Func<OnRejectedContext, CancellationToken, ValueTask>? OnRejected { get; } = static (rejected, _) =>
    {
        var response = rejected.HttpContext.Response;
        response.StatusCode = StatusCodes.Status429TooManyRequests;
        var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var left) ? left : Window;
        response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return ValueTask.CompletedTask;
    };

    public RateLimitPartition<string> GetPartition(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        var request = httpContext.Request;
        if (!HttpMethods.IsPost(request.Method))
        {
            return RateLimitPartition.GetNoLimiter("");
        }

        var forOptions = string.Equals(request.Query["handler"], "PasskeyOptions", StringComparison.OrdinalIgnoreCase);
        var limit = options.Value.SignInAttemptsPerMinute * (forOptions ? 6 : 1);
        var key = $"{(forOptions ? "options" : "credentials")} {ClientNetwork.Of(httpContext)}";
        return RateLimitPartition.GetSlidingWindowLimiter(key, _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = limit,
            Window = Window,
            SegmentsPerWindow = 6,
            QueueLimit = 0,
        });
    }
}
