namespace TokenBroker.Authorization;

/// <summary>A one-time value that was used: the <c>jti</c> of a DPoP proof or of a client assertion. The row goes once it could not be accepted any more.</summary>
internal sealed class UsedProof
{
    /// <summary>SHA-256 of the kind of proof, who made it, and its <c>jti</c>.</summary>
    public required byte[] Hash { get; set; }

    public DateTime ExpiresAt { get; set; }
}
