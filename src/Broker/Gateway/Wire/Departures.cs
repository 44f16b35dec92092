using Microsoft.Extensions.Options;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// What becomes of a call whose client leaves, as the operator decided: cancelled and estimated, or read to the end for
/// what it cost in truth, within stated limits. Only where the answer tells its cost is anything gained by reading it.
/// </summary>
internal sealed class Departures(IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime)
{
    private readonly DrainLimits? _limits = options.Value.WhenClientLeaves == ClientLeaves.Cancel
        ? null
        : new DrainLimits((long)options.Value.DrainTime.TotalMilliseconds, options.Value.DrainBytes, lifetime.ApplicationStopping);

    /// <returns>Null where the call ends with its client.</returns>
    public DrainLimits? LimitsOf(Call call) => call.Operation.Kind is OperationKind.Free or OperationKind.Unpriced or OperationKind.Batch ? null : _limits;
}
