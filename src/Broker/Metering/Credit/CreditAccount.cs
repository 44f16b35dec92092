using System.Security.Cryptography;

namespace TokenBroker.Metering;

/// <summary>What an account of the credit ledger counts.</summary>
internal enum CreditAccountKind
{
    /// <summary>What a sponsor still owes a user in calls.</summary>
    User,

    /// <summary>What a sponsor was paid for credit, below zero: the other side of top-ups and refunds.</summary>
    Received,

    /// <summary>What a sponsor gave or took by hand: the other side of adjustments.</summary>
    Adjusted,

    /// <summary>What calls used up.</summary>
    Used,
}

/// <summary>One account of the credit ledger. Its balance is the sum of its lines, kept beside them by the statement that adds a line.</summary>
internal sealed class CreditAccount
{
    /// <summary>Follows from whose account it is, so that it is known before there is a row: see <see cref="IdOf(Guid, Guid)"/>.</summary>
    public Guid Id { get; set; }

    public Guid SponsorId { get; set; }

    /// <summary>Whose credit it is; null for the sponsor's own accounts.</summary>
    public Guid? UserId { get; set; }

    public CreditAccountKind Kind { get; set; }

    public long BalanceMicros { get; set; }

    /// <summary>
    /// All that ever came in. It never goes down, and is the cap that leases are held against: what was used and what was
    /// given back both count as spent. A node that knows an older figure allows less, never more.
    /// </summary>
    public long FundedMicros { get; set; }

    public DateTime CreatedAt { get; set; }

    /// <summary>The account of a user's credit with a sponsor.</summary>
    public static Guid IdOf(Guid sponsorId, Guid userId) => IdOf(sponsorId, CreditAccountKind.User, userId);

    /// <summary>One of a sponsor's own accounts.</summary>
    public static Guid IdOf(Guid sponsorId, CreditAccountKind kind) => IdOf(sponsorId, kind, Guid.Empty);

    private static Guid IdOf(Guid sponsorId, CreditAccountKind kind, Guid userId)
    {
        Span<byte> named = stackalloc byte[33];
        sponsorId.TryWriteBytes(named, bigEndian: true, out _);
        named[16] = (byte)kind;
        userId.TryWriteBytes(named[17..], bigEndian: true, out _);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(named, hash);
        return new Guid(hash[..16], bigEndian: true);
    }
}
