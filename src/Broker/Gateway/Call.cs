using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>One call on its way: what was decided of it, and how it is going.</summary>
internal sealed class Call(Caller caller, Upstream upstream, Operation operation, CallRequest request, KeyUse key)
{
    /// <summary>Names the call: in the answer's <see cref="GatewayHeaders.RequestId"/>, and in its row of usage.</summary>
    public Guid Id { get; set; }

    public Caller Caller => caller;

    public Upstream Upstream => upstream;

    public Operation Operation => operation;

    public CallRequest Request => request;

    /// <summary>The key that the call is made with.</summary>
    public KeyUse Key => key;

    /// <summary>Null for what is free of charge.</summary>
    public ModelPrice? Price { get; init; }

    public required BudgetReservation Reservation { get; set; }

    /// <summary>The call's place in its rates.</summary>
    public required CallLease Lease { get; init; }

    /// <summary>The most output tokens that the reservation pays for.</summary>
    public long MostOutput { get; init; }

    /// <summary>The path below the upstream's base URL, byte for byte as it was matched.</summary>
    public required string Path { get; init; }

    /// <summary>The objects that the path names.</summary>
    public IReadOnlyList<PathId> Ids { get; init; } = [];

    /// <summary>What a call without a price is charged; null for all others.</summary>
    public long? CeilingMicros { get; set; }

    /// <summary>What its requests go through; null where nothing is to be seen to on the way.</summary>
    public HttpMessageInvoker? Through { get; set; }

    /// <summary>True where the answer tells of an object whose owner could not be written down.</summary>
    public bool NotRecorded { get; set; }

    /// <summary>The provider's id of what the call made; null where it made nothing that is written down.</summary>
    public string? MadeId { get; set; }

    /// <summary>Null until the provider answered with success.</summary>
    public ResponseTap? Tap { get; set; }

    /// <summary>Set where the provider's answer was taken for an error of ours.</summary>
    public GatewayError? Refusal { get; set; }

    public bool KeyWasRejected { get; set; }

    /// <summary>True once the provider began to receive the body: from then on the call may have cost something.</summary>
    public bool Sent { get; set; }

    /// <summary>True where the provider answered with an error: it charges nothing for those.</summary>
    public bool ProviderRefused { get; set; }

    /// <summary>True once a success answer began.</summary>
    public bool Answered => Tap is not null;

    public bool MayHaveCost => Answered || (Sent && Refusal is null && !ProviderRefused);

    public static GatewayError ErrorOf(CutReason? reason) => reason switch
    {
        CutReason.Paused => GatewayError.GrantPaused,
        CutReason.Suspended => GatewayError.AccessSuspended,
        CutReason.KeyRemoved => GatewayError.KeyRemoved,
        CutReason.SponsorKeyWithdrawn => GatewayError.SponsorKeyWithdrawn,
        CutReason.CreditExhausted => GatewayError.CreditExhausted,
        CutReason.PurseChanged => GatewayError.PurseChanged,
        CutReason.BudgetExhausted => GatewayError.BudgetExhausted(null),
        _ => GatewayError.GrantRevoked,
    };
}
