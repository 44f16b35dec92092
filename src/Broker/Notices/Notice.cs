namespace TokenBroker.Notices;

/// <summary>Something that a person should know, such as that one of their grants ended because a token was stolen.</summary>
internal sealed class Notice
{
    public Guid Id { get; set; }

    public Guid UserId { get; set; }

    public DateTime At { get; set; }

    /// <summary>Which one it is, such as <c>grant.token_reuse</c>.</summary>
    public required string Kind { get; set; }

    /// <summary>The sentence that the person reads; plain text.</summary>
    public required string Text { get; set; }

    public DateTime? ReadAt { get; set; }
}
