namespace TokenBroker.Upstreams;

/// <summary>
/// What a call used, as the provider reported it, in one shape for all providers. Totals include their parts: cached,
/// written, audio and image tokens are among the input, reasoning, audio and image tokens among the output.
/// </summary>
internal readonly record struct TokenUsage
{
    public long Input { get; init; }

    /// <summary>Input that was read from the provider's cache, of whatever kind.</summary>
    public long CachedInput { get; init; }

    /// <summary>The part of <see cref="CachedInput"/> that is sound.</summary>
    public long CachedAudioInput { get; init; }

    /// <summary>Input that was written to the provider's cache, for however long.</summary>
    public long CacheWrite { get; init; }

    /// <summary>The part of <see cref="CacheWrite"/> that is kept for an hour, which costs more.</summary>
    public long CacheWriteLong { get; init; }

    /// <summary>Sound, cached or not.</summary>
    public long AudioInput { get; init; }

    public long ImageInput { get; init; }

    public long Output { get; init; }

    /// <summary>Output that the model thought and did not show; it costs what output costs.</summary>
    public long Reasoning { get; init; }

    public long AudioOutput { get; init; }

    public long ImageOutput { get; init; }

    public long Characters { get; init; }

    public long AudioSeconds { get; init; }

    /// <summary>Searches of the web that the provider made for the call.</summary>
    public long WebSearches { get; init; }

    /// <summary>What two calls used together.</summary>
    public TokenUsage Plus(in TokenUsage other) => new()
    {
        Input = Input + other.Input,
        CachedInput = CachedInput + other.CachedInput,
        CachedAudioInput = CachedAudioInput + other.CachedAudioInput,
        CacheWrite = CacheWrite + other.CacheWrite,
        CacheWriteLong = CacheWriteLong + other.CacheWriteLong,
        AudioInput = AudioInput + other.AudioInput,
        ImageInput = ImageInput + other.ImageInput,
        Output = Output + other.Output,
        Reasoning = Reasoning + other.Reasoning,
        AudioOutput = AudioOutput + other.AudioOutput,
        ImageOutput = ImageOutput + other.ImageOutput,
        Characters = Characters + other.Characters,
        AudioSeconds = AudioSeconds + other.AudioSeconds,
        WebSearches = WebSearches + other.WebSearches,
    };

    /// <summary>
    /// What two reports of one call say together. A stream may tell the input in its first event and the output, counted up
    /// from the start, in its last: each number is the larger one, and none counts twice.
    /// </summary>
    public TokenUsage With(in TokenUsage later) => new()
    {
        Input = Math.Max(Input, later.Input),
        CachedInput = Math.Max(CachedInput, later.CachedInput),
        CachedAudioInput = Math.Max(CachedAudioInput, later.CachedAudioInput),
        CacheWrite = Math.Max(CacheWrite, later.CacheWrite),
        CacheWriteLong = Math.Max(CacheWriteLong, later.CacheWriteLong),
        AudioInput = Math.Max(AudioInput, later.AudioInput),
        ImageInput = Math.Max(ImageInput, later.ImageInput),
        Output = Math.Max(Output, later.Output),
        Reasoning = Math.Max(Reasoning, later.Reasoning),
        AudioOutput = Math.Max(AudioOutput, later.AudioOutput),
        ImageOutput = Math.Max(ImageOutput, later.ImageOutput),
        Characters = Math.Max(Characters, later.Characters),
        AudioSeconds = Math.Max(AudioSeconds, later.AudioSeconds),
        WebSearches = Math.Max(WebSearches, later.WebSearches),
    };
}
