namespace TokenBroker.Operations.Egress;

/// <summary>The guard does not connect there.</summary>
internal sealed class EgressException(string reason, bool mayPass = false) : IOException(reason)
{
    /// <summary>A name that is not found and one that leads inside look the same, or strangers could read the inside's names off.</summary>
    public const string NotPublic = "does not resolve to public addresses alone";

    public bool MayPass => mayPass;
}
