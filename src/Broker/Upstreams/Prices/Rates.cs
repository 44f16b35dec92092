namespace TokenBroker.Upstreams;

/// <summary>What one model's units cost from one day on. A null rate means that the list has none.</summary>
internal sealed record Rates
{
    public Rate? Input { get; init; }

    public Rate? CachedInput { get; init; }

    public Rate? CachedAudioInput { get; init; }

    public Rate? CacheWrite { get; init; }

    public Rate? CacheWriteLong { get; init; }

    public Rate? AudioInput { get; init; }

    public Rate? ImageInput { get; init; }

    public Rate? Output { get; init; }

    public Rate? AudioOutput { get; init; }

    public Rate? ImageOutput { get; init; }

    public Rate? Characters { get; init; }

    public Rate? AudioSeconds { get; init; }

    public Rate? WebSearches { get; init; }

    /// <summary>For each call, whatever it uses.</summary>
    public Rate? Requests { get; init; }
}
