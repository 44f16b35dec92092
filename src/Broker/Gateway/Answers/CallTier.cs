using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The service tier of a call: what its budget must hold before, and what it is charged by after. A call that leaves the
/// choice to the provider may be served in whatever tier the account prefers, which nobody here knows beforehand.
/// </summary>
internal static class CallTier
{
    /// <returns>The dearest share that the answer may come to; null where the tier that was asked for has no known price.</returns>
    public static int? WorstOf(Operation operation, CallRequest request, ModelPrice price)
    {
        if (request.Tier is { } asked)
        {
            // What is asked for may not be had: then it is the usual one.
            return price.Tiers.Of(asked) is { } share ? Math.Max(share, ServiceTiers.Standard) : null;
        }

        var worst = ServiceTiers.Standard;
        foreach (var tier in operation.AutoTiers)
        {
            worst = Math.Max(worst, price.Tiers.Of(tier) ?? price.Tiers.Dearest);
        }

        return worst;
    }

    /// <summary>
    /// The tier that the answer names. One that names none, and tells its usage, was served in the usual one, or in a dearer
    /// one that was asked for; what is only estimated is charged by the dearest that it may have been.
    /// </summary>
    public static (string? Name, int Share) Of(Call call, ModelPrice price, bool isEstimate)
    {
        if (call.Tap is { Tier: { IsEmpty: false } told })
        {
            var (name, share) = price.Tiers.Told(told);
            return (share == ServiceTiers.Standard ? null : name, share);
        }

        var worst = WorstOf(call.Operation, call.Request, price) ?? price.Tiers.Dearest;
        return isEstimate || call.Request.Tier is not null
            ? (worst == ServiceTiers.Standard ? null : call.Request.Tier ?? "auto", worst)
            : (null, ServiceTiers.Standard);
    }
}
