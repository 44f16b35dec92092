using System.Collections.Frozen;

namespace TokenBroker.Gateway;

/// <summary>The headers that pass, both ways. Everything else stays here: the lists allow, they do not deny.</summary>
internal static class GatewayHeaders
{
    /// <summary>Names this broker's record of a call.</summary>
    public const string RequestId = "TokenBroker-Request-Id";

    /// <summary>
    /// From the app to the provider. Content headers are written anew from the body that is sent. No idempotency key:
    /// two apps on one account could read each other's answers by it.
    /// </summary>
    public static readonly string[] Request = ["Accept"];

    /// <summary>From the provider to the app. Not its rates, which are of the user's whole account: see <see cref="RateHeaders"/>.</summary>
    public static readonly FrozenSet<string> Response = new[]
    {
        "Content-Type",
        "Content-Length",
        "Content-Disposition",
        "Retry-After",
        "Retry-After-Ms",
        "X-Should-Retry",
        "X-Request-Id",
        "OpenAI-Processing-Ms",
        "OpenAI-Version",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
}
