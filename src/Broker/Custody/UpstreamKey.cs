namespace TokenBroker.Custody;

/// <summary>What is known of a key's health; the page words it for people.</summary>
internal enum KeyStatus
{
    /// <summary>Stored, and the provider could not be asked yet.</summary>
    Unchecked = 0,
    Working = 1,

    /// <summary>The provider accepts the key, but not for listing models: a restricted key.</summary>
    Restricted = 2,
    Refused = 3,
    OutOfQuota = 4,
}

/// <summary>A user's own secret for an upstream. The secret is in <see cref="Envelope"/> only, as ciphertext.</summary>
internal sealed class UpstreamKey
{
    public Guid Id { get; set; }

    public Guid UserId { get; set; }

    public required string UpstreamId { get; set; }

    /// <summary>The user's own name for the key.</summary>
    public required string Label { get; set; }

    /// <summary>The last four characters, so that a person can tell keys apart; all that is ever shown.</summary>
    public required string LastFour { get; set; }

    /// <summary>The sealed key: see <see cref="KeyEnvelope"/> for the layout.</summary>
    public required byte[] Envelope { get; set; }

    public KeyStatus Status { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime? CheckedAt { get; set; }

    public DateTime? LastUsedAt { get; set; }
}
