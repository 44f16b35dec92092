using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The most that a conversation can hold by now, in tokens: what a response's input is bounded by, beside the model's
/// context window. Text has no more tokens than bytes; sound is counted at twice what the provider does.
/// </summary>
internal readonly record struct Conversation(long TextTokens, long AudioTokens)
{
    /// <summary>Where the price list does not say it.</summary>
    private const long DefaultWindow = 128_000;

    /// <summary>The provider's own instructions, where the app gives none.</summary>
    private const long TokensOfDefaults = 1_000;

    /// <summary>Base64 of sound at 64 kbit/s, the least that sessions know, with 20 tokens to the second; the provider counts 10.</summary>
    private const long CharsOfAudioToken = 533;
    private const long CharsOfAudioSecond = 10_666;
    private const long TokensOfAudioSecond = 20;

    /// <summary>At the price of sound, since the list has none for pictures.</summary>
    private const long TokensOfImage = 50_000;

    public static Conversation Empty { get; } = new(TokensOfDefaults, 0);

    public Conversation With(ClientEvent sent) => new(
        TextTokens + sent.TextBytes,
        AudioTokens + (sent.AudioChars == 0 ? 0 : (sent.AudioChars / CharsOfAudioToken) + 1) + (sent.Images * TokensOfImage));

    /// <summary>What was answered is part of the next response's input.</summary>
    public Conversation With(TokenUsage answered) => new(TextTokens + answered.Output - answered.AudioOutput, AudioTokens + answered.AudioOutput);

    /// <summary>The worst cost of one response, in micro-dollars.</summary>
    public long WorstOf(ModelPrice price, long mostOutput)
    {
        var window = price.ContextWindow ?? DefaultWindow;
        var audio = Math.Min(AudioTokens, window);
        var text = Math.Min(TextTokens, window - audio);
        var output = MostOutput(price, mostOutput);
        return checked(price.CostOf(new TokenUsage { Input = text + audio, AudioInput = audio })
            + Math.Max(price.CostOf(new TokenUsage { Output = output }), price.CostOf(new TokenUsage { Output = output, AudioOutput = output })));
    }

    public static long MostOutput(ModelPrice price, long asked) => Math.Min(asked, price.MaxOutput ?? price.ContextWindow ?? DefaultWindow);

    /// <summary>What a response used of which the provider did not report: about what it was given, and what came of it.</summary>
    public TokenUsage Estimate(ModelPrice price, long output, bool isAudio)
    {
        const int bytesOfToken = 4;
        var window = price.ContextWindow ?? DefaultWindow;
        var audio = Math.Min(AudioTokens / 2, window);
        return new TokenUsage
        {
            Input = Math.Min((TextTokens / bytesOfToken) + audio, window),
            AudioInput = audio,
            Output = output,
            AudioOutput = isAudio ? output : 0,
        };
    }

    /// <summary>The most that a transcript of so much sound can use.</summary>
    public static TokenUsage TranscriptOf(long audioChars, ModelPrice price)
    {
        var seconds = (audioChars / CharsOfAudioSecond) + 1;
        return price.AudioSeconds is not null
            ? new TokenUsage { AudioSeconds = seconds }
            : new TokenUsage { Input = seconds * TokensOfAudioSecond, AudioInput = seconds * TokensOfAudioSecond, Output = seconds * TokensOfAudioSecond };
    }
}
