namespace TokenBroker.Sdk.Connecting;

/// <summary>What the SDK uses of the broker's discovery document (RFC 8414 section 2).</summary>
internal sealed record BrokerMetadata(string Issuer, Uri AuthorizationEndpoint, Uri TokenEndpoint, Uri RevocationEndpoint);
