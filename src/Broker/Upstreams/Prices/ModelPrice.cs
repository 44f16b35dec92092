namespace TokenBroker.Upstreams;

/// <summary>
/// The price of one model, and how a report of usage becomes money. Each token is priced once: what was read from the
/// cache, written to it, heard, seen or spoken at its own rate where the list has one, the rest as text.
/// </summary>
internal sealed record ModelPrice
{
    public required string Id { get; init; }

    public long? ContextWindow { get; init; }

    /// <summary>The most tokens of one answer; null where the list does not say.</summary>
    public long? MaxOutput { get; init; }

    public required Rates Rates { get; init; }

    /// <summary>True where the list does not know the model, and it costs the ceiling that the operator set.</summary>
    public bool IsCeiling { get; init; }

    /// <summary>What service tiers make of the rates.</summary>
    public ServiceTiers Tiers { get; init; } = ServiceTiers.None;

    /// <summary>Whether what was read from the cache has a price in batches as well; where it has none, it costs what other input does there.</summary>
    public bool CachesInBatches { get; init; }

    public Rate? Input => Rates.Input;

    public Rate? Output => Rates.Output;

    public Rate? AudioInput => Rates.AudioInput;

    public Rate? AudioOutput => Rates.AudioOutput;

    public Rate? AudioSeconds => Rates.AudioSeconds;

    /// <summary>The most that a token of input can cost, however the provider counts it.</summary>
    public long MostInput(bool withAudio) => Math.Max(
        Math.Max(Rates.Input?.Most ?? 0, withAudio ? Rates.AudioInput?.Most ?? 0 : 0),
        Math.Max(Rates.CacheWrite?.Most ?? 0, Rates.CacheWriteLong?.Most ?? 0));

    /// <summary>The cost in micro-dollars, rounded up once.</summary>
    /// <param name="usage">What the call used.</param>
    /// <param name="share">What the service tier makes of the price, in thousandths of a percent. What is charged for each call or search is the same in all.</param>
    public long CostOf(in TokenUsage usage, int share = ServiceTiers.Standard)
    {
        var input = usage.Input;

        // A part that is larger than what it is a part of is charged as it is told: that errs upwards.
        var cachedAudio = Math.Min(usage.CachedAudioInput, usage.CachedInput);
        var cached = usage.CachedInput - cachedAudio;
        var longWrite = Math.Min(usage.CacheWriteLong, usage.CacheWrite);
        var write = usage.CacheWrite - longWrite;
        var audio = Math.Max(0, usage.AudioInput - cachedAudio);
        var textInput = Math.Max(0, usage.Input - usage.CachedInput - usage.CacheWrite - audio - usage.ImageInput);
        var textOutput = Math.Max(0, usage.Output - usage.AudioOutput - usage.ImageOutput);
        var tokens = Part(textInput, Rates.Input)
            + Part(cached, Rates.CachedInput ?? Rates.Input)
            + Part(cachedAudio, Rates.CachedAudioInput ?? Rates.AudioInput ?? Rates.CachedInput ?? Rates.Input)
            + Part(write, Rates.CacheWrite ?? Rates.Input)
            + Part(longWrite, Rates.CacheWriteLong ?? Rates.CacheWrite ?? Rates.Input)
            + Part(audio, Rates.AudioInput ?? Rates.Input)
            + Part(usage.ImageInput, Rates.ImageInput ?? Rates.Input)
            + Part(textOutput, Rates.Output ?? Rates.ImageOutput)
            + Part(usage.AudioOutput, Rates.AudioOutput ?? Rates.Output)
            + Part(usage.ImageOutput, Rates.ImageOutput ?? Rates.Output)
            + Part(usage.Characters, Rates.Characters)
            + Part(usage.AudioSeconds, Rates.AudioSeconds);
        var each = Part(usage.WebSearches, Rates.WebSearches) + Part(1, Rates.Requests);
        return (long)((((tokens * share) + (each * ServiceTiers.Standard)) + 99_999_999_999) / 100_000_000_000);

        Int128 Part(long units, Rate? rate) => (Int128)units * (rate?.At(input) ?? 0);
    }
}
