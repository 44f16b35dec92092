namespace TokenBroker.Audit;

/// <summary>Who did what to what. Each row's hash covers the row before it: see <see cref="AuditLog"/>.</summary>
internal sealed class AuditEvent
{
    /// <summary>1, 2, 3, ... without a gap.</summary>
    public long Sequence { get; set; }

    public DateTime At { get; set; }

    /// <summary>What was decided, such as <c>grant.approved</c>.</summary>
    public required string Action { get; set; }

    /// <summary>Who: <c>user:ID</c>, <c>app:ID</c>, <c>system</c> or <c>anonymous</c>.</summary>
    public required string Actor { get; set; }

    /// <summary>To what: <c>grant:ID</c>, <c>key:ID</c>, <c>user:ID</c>, ...</summary>
    public required string Target { get; set; }

    /// <summary>The user whose log this belongs to; null for the system's own.</summary>
    public Guid? UserId { get; set; }

    /// <summary>A flat JSON object of plain facts; never a secret.</summary>
    public required string Detail { get; set; }

    public required byte[] PreviousHash { get; set; }

    public required byte[] Hash { get; set; }
}
