namespace TokenBroker.Operations.Egress;

/// <summary>The guard does not connect there.</summary>
internal sealed class EgressException(string reason) : IOException(reason);
