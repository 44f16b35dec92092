namespace TokenBroker.Metering;

/// <summary>Tokens and cost of one call. Rows are written in batches, off the path of the call.</summary>
internal sealed class Usage
{
    public Guid Id { get; set; }

    public Guid GrantId { get; set; }

    public DateTime At { get; set; }

    /// <summary>The operation's name in the catalogue, such as <c>chat.completions</c>.</summary>
    public required string Operation { get; set; }

    public string? Model { get; set; }

    public long InputTokens { get; set; }

    public long CachedInputTokens { get; set; }

    public long OutputTokens { get; set; }

    /// <summary>Micro-dollars.</summary>
    public long CostMicros { get; set; }

    /// <summary>True where the provider did not report usage and the cost is our estimate.</summary>
    public bool Estimated { get; set; }

    /// <summary>The status that the app received.</summary>
    public int Status { get; set; }

    public int DurationMs { get; set; }
}
