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

    /// <summary>The envelope does not open under the vault that is there.</summary>
    CannotBeOpened = 5,
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

    /// <summary>The sealed key: see <see cref="EnvelopeFormat"/> for the layout.</summary>
    public required byte[] Envelope { get; set; }

    /// <summary>The KEK version that wraps the envelope's DEK; the envelope itself is what counts.</summary>
    public required string KekId { get; set; }

    /// <summary>Grows by one with each replacement, and is bound into the envelope: an older one of the same row does not open.</summary>
    public int Generation { get; set; } = 1;

    public KeyStatus Status { get; set; }

    public DateTime CreatedAt { get; set; }

    /// <summary>When the secret was replaced in place; null while it is the first one.</summary>
    public DateTime? ReplacedAt { get; set; }

    public DateTime? CheckedAt { get; set; }

    public DateTime? LastUsedAt { get; set; }
}
