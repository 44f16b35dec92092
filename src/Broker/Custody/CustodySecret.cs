namespace TokenBroker.Custody;

/// <summary>A secret that Custody itself needs, sealed like every other: the record key, and the keys that browsers seal uploads to.</summary>
internal sealed class CustodySecret
{
    public Guid Id { get; set; }

    public required string Purpose { get; set; }

    public required byte[] Envelope { get; set; }

    public required string KekId { get; set; }

    /// <summary>The public half, where it is a key pair.</summary>
    public byte[]? PublicKey { get; set; }

    public DateTime CreatedAt { get; set; }

    /// <summary>When its row goes; null for one that stays.</summary>
    public DateTime? ExpiresAt { get; set; }
}
