namespace TokenBroker.Safety;

/// <summary>What the person whom a sanction meets says against it. One for each sanction.</summary>
internal sealed class Appeal
{
    public const int LongestText = 2_000;

    public Guid Id { get; set; }

    public Guid SanctionId { get; set; }

    public Sanction? Sanction { get; set; }

    /// <summary>Who wrote it: the person, or the app's owner.</summary>
    public Guid UserId { get; set; }

    public required string Text { get; set; }

    public DateTime At { get; set; }

    public DateTime? DecidedAt { get; set; }

    public bool? Accepted { get; set; }

    /// <summary>What the operator wrote back.</summary>
    public string? Answer { get; set; }
}
