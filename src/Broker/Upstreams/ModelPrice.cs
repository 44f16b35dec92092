namespace TokenBroker.Upstreams;

/// <summary>What a call used, as the provider reported it. Totals include their parts.</summary>
internal readonly record struct TokenUsage
{
    public long Input { get; init; }

    public long CachedInput { get; init; }

    /// <summary>The audio among the cached input; it is part of the audio input as well.</summary>
    public long CachedAudioInput { get; init; }

    public long AudioInput { get; init; }

    public long ImageInput { get; init; }

    public long Output { get; init; }

    public long AudioOutput { get; init; }

    public long ImageOutput { get; init; }

    public long Characters { get; init; }

    public long AudioSeconds { get; init; }
}

/// <summary>A rate in micro-dollars for a million units, with higher rates from a number of input tokens on.</summary>
internal sealed record Rate(long Base, IReadOnlyList<(long From, long Micros)> Tiers)
{
    public long At(long inputTokens)
    {
        var rate = Base;
        foreach (var (from, micros) in Tiers)
        {
            rate = inputTokens >= from ? micros : rate;
        }

        return rate;
    }

    /// <summary>The highest of all tiers.</summary>
    public long Most => Tiers.Count == 0 ? Base : Math.Max(Base, Tiers.Max(tier => tier.Micros));
}

/// <summary>The price of one model. A null rate means that the price list has none.</summary>
internal sealed record ModelPrice
{
    public required string Id { get; init; }

    public long? ContextWindow { get; init; }

    /// <summary>The most tokens of one answer; null where the list does not say.</summary>
    public long? MaxOutput { get; init; }

    public Rate? Input { get; init; }

    public Rate? CachedInput { get; init; }

    public Rate? CachedAudioInput { get; init; }

    public Rate? AudioInput { get; init; }

    public Rate? ImageInput { get; init; }

    public Rate? Output { get; init; }

    public Rate? AudioOutput { get; init; }

    public Rate? ImageOutput { get; init; }

    public Rate? Characters { get; init; }

    public Rate? AudioSeconds { get; init; }

    /// <summary>The cost in micro-dollars, rounded up once. Each part is priced once: cached, audio and image tokens at their own rates where the list has them.</summary>
    public long CostOf(in TokenUsage usage)
    {
        var input = usage.Input;
        var newAudio = Math.Max(0, usage.AudioInput - usage.CachedAudioInput);
        var textInput = Math.Max(0, usage.Input - usage.CachedInput - newAudio - usage.ImageInput);
        var textOutput = Math.Max(0, usage.Output - usage.AudioOutput - usage.ImageOutput);
        var total = Part(textInput, Input, null)
            + Part(Math.Max(0, usage.CachedInput - usage.CachedAudioInput), CachedInput, Input)
            + Part(usage.CachedAudioInput, CachedAudioInput ?? AudioInput, Input)
            + Part(newAudio, AudioInput, Input)
            + Part(usage.ImageInput, ImageInput, Input)
            + Part(textOutput, Output, ImageOutput)
            + Part(usage.AudioOutput, AudioOutput, Output)
            + Part(usage.ImageOutput, ImageOutput, Output)
            + Part(usage.Characters, Characters, null)
            + Part(usage.AudioSeconds, AudioSeconds, null);
        return (long)((total + 999_999) / 1_000_000);

        Int128 Part(long units, Rate? rate, Rate? otherwise) =>
            (Int128)units * ((rate ?? otherwise)?.At(input) ?? 0);
    }
}
