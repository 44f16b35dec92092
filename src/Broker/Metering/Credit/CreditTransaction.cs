namespace TokenBroker.Metering;

internal enum CreditKind
{
    /// <summary>Somebody paid the sponsor for credit.</summary>
    TopUp,

    /// <summary>Credit that was not used went back, with its money: a refund or a reversed payment.</summary>
    Refund,

    /// <summary>The operator gave or took credit by hand.</summary>
    Adjustment,

    /// <summary>Calls used credit: one batch of calls of one sponsor's users.</summary>
    Spend,
}

/// <summary>What was posted at one time: two lines or more, which sum to zero. It is never changed; what was wrong is posted back.</summary>
internal sealed class CreditTransaction
{
    public const int LongestReference = 220;
    public const int LongestNote = 200;

    public Guid Id { get; set; }

    public Guid SponsorId { get; set; }

    public CreditKind Kind { get; set; }

    /// <summary>Whatever is posted under the same reference of the same sponsor is posted once.</summary>
    public required string Reference { get; set; }

    public DateTime At { get; set; }

    /// <summary>As in <see cref="Audit.AuditLog.RecordAsync"/>.</summary>
    public required string Actor { get; set; }

    public string? Note { get; set; }

    /// <summary>SHA-256 of what was asked for, by which a repetition is told from another request under the same reference.</summary>
    public byte[]? Asked { get; set; }

    /// <summary>The top-up that this gives back.</summary>
    public Guid? RefundOf { get; set; }

    /// <summary>The user's balance right after; null for a batch of calls.</summary>
    public long? BalanceAfterMicros { get; set; }
}

/// <summary>What a transaction adds to an account, or takes from it.</summary>
internal sealed class CreditLine
{
    public Guid TransactionId { get; set; }

    public Guid AccountId { get; set; }

    public long AmountMicros { get; set; }
}
