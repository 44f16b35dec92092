using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What a call began at the provider that goes on after its answer, and is charged at its worst until it is over.</summary>
internal static class BegunJob
{
    /// <returns>
    /// Null for all others, and where nobody can ask later: nobody knows the job's name, or the key comes and goes with the
    /// app's token. Such a charge stays.
    /// </returns>
    public static OpenJob? Of(Call call, Usage row) =>
        row is not { Estimated: true, CostMicros: > 0 } || call.MadeId is not { } id || call.Key.Carrier is not null || KindOf(call) is not { } kind ? null
        : new OpenJob
        {
            UsageId = row.Id,
            Kind = kind,
            UpstreamId = call.Upstream.Id,
            ObjectId = id,
            GrantId = call.Caller.Grant.Id,
            UpstreamKeyId = call.Key.Id,
            Model = call.Request.Model,
            ChargedMicros = row.CostMicros,
            OpenedAt = row.At,
            NextAt = row.At,
        };

    private static JobKind? KindOf(Call call) =>
        call.Operation.Kind == OperationKind.Batch ? JobKind.Batch : call.Request.IsBackground ? JobKind.Response : null;
}
