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

    /// <summary>All input: the parts below are among it.</summary>
    public long InputTokens { get; set; }

    /// <summary>Read from the provider's cache.</summary>
    public long CachedInputTokens { get; set; }

    /// <summary>Written to the provider's cache.</summary>
    public long CacheWriteTokens { get; set; }

    /// <summary>Heard, from the cache or not.</summary>
    public long AudioInputTokens { get; set; }

    /// <summary>All output: the parts below are among it.</summary>
    public long OutputTokens { get; set; }

    /// <summary>Thought and not shown.</summary>
    public long ReasoningTokens { get; set; }

    /// <summary>Spoken.</summary>
    public long AudioOutputTokens { get; set; }

    /// <summary>The service tier that it was charged by, as the provider calls it; null where there was none but the usual one.</summary>
    public string? ServiceTier { get; set; }

    /// <summary>Micro-dollars.</summary>
    public long CostMicros { get; set; }

    /// <summary>True where the provider did not report usage and the cost is our estimate.</summary>
    public bool Estimated { get; set; }

    /// <summary>The status that the app received.</summary>
    public int Status { get; set; }

    public int DurationMs { get; set; }
}
