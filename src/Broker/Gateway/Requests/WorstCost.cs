using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The most that a call can cost, known before it is sent: what the budget reserves. Text has no more tokens than
/// bytes; pictures, sound and speech have bounds of their own, stated here, which are above what the provider charges.
/// For text answers the output is kept apart, so that a call that does not fit the budget can be given a smaller
/// output limit instead of a refusal.
/// </summary>
/// <param name="FixedMicros">What cannot be made smaller.</param>
/// <param name="OutputTokens">The output limit of one answer; zero where there is none to set.</param>
/// <param name="OutputRate">Micro-dollars for a million tokens of all answers together.</param>
internal readonly record struct WorstCost(long FixedMicros, long OutputTokens, long OutputRate)
{
    private const long DefaultContext = 2_000_000;

    /// <summary>Tokens of one picture at the highest detail, on the model that counts most for it.</summary>
    private const long TokensOfInputImage = 50_000;

    /// <summary>Tokens of one generated picture at the largest size and quality, with its partial pictures.</summary>
    private const long TokensOfOutputImage = 8_000;

    /// <summary>What Anthropic writes around tools, and charges.</summary>
    private const long TokensAroundTools = 1_000;

    /// <summary>Sound at 8 kbit/s, below which speech codecs are not used for files.</summary>
    private const long BytesOfAudioSecond = 1_000;
    private const long TokensOfAudioSecond = 20;
    private const long TokensOfSpokenByte = 4;

    public long TotalMicros => checked(FixedMicros + Micros(OutputTokens, OutputRate));

    /// <returns>Null where the price list does not have what this kind of call is charged by.</returns>
    public static WorstCost? Of(OperationKind kind, CallRequest request, ModelPrice price)
    {
        var images = request.Images * TokensOfInputImage;
        var window = price.ContextWindow ?? DefaultContext;
        var input = request.HasFile ? window : Math.Min(request.Bytes, window * request.Prompts);
        input += kind == OperationKind.Message ? TokensAroundTools : 0;
        var rates = price.Rates;
        var inputRate = price.MostInput(request.HasAudio);
        var each = Micros(1, rates.Requests?.Most ?? 0);
        switch (kind)
        {
            case OperationKind.Free:
                return new WorstCost(0, 0, 0);
            case OperationKind.Chat or OperationKind.Completion or OperationKind.Response or OperationKind.Message when rates is { Input: not null, Output: not null }:
                var most = Math.Min(request.MaxOutput ?? long.MaxValue, window);
                var outputRate = checked(Most(rates.Output, rates.AudioOutput) * request.Answers * request.Prompts);
                return new WorstCost(each + Micros(input + images, inputRate) + Micros(Math.Min(request.PredictedBytes, window), outputRate), most, outputRate);
            case OperationKind.Embedding when rates.Input is not null:
                return new WorstCost(Micros(request.Bytes, inputRate), 0, 0);
            case OperationKind.Image when rates is { Input: not null, ImageOutput: not null } or { Input: not null, Output: not null }:
                return new WorstCost(
                    Micros(Math.Min(request.Bytes, DefaultContext), inputRate)
                        + Micros(images, Most(rates.ImageInput, rates.Input))
                        + Micros(request.Answers * TokensOfOutputImage, Most(rates.ImageOutput ?? rates.Output, null)),
                    0,
                    0);
            case OperationKind.Speech when rates.Characters is not null:
                return new WorstCost(Micros(request.Bytes, rates.Characters.Most), 0, 0);
            case OperationKind.Speech when rates is { Input: not null, Output: not null }:
                return new WorstCost(
                    Micros(request.Bytes, inputRate) + Micros(request.Bytes * TokensOfSpokenByte, Most(rates.Output, rates.AudioOutput)), 0, 0);
            case OperationKind.Transcription when rates.AudioSeconds is not null:
                return new WorstCost(Micros(Seconds(request), rates.AudioSeconds.Most), 0, 0);
            case OperationKind.Transcription when rates is { Input: not null, Output: not null }:
                return new WorstCost(
                    Micros(Seconds(request) * TokensOfAudioSecond, Most(rates.Input, rates.AudioInput))
                        + Micros(Seconds(request) * TokensOfAudioSecond, Most(rates.Output, null)),
                    0,
                    0);
            default:
                return null;
        }
    }

    /// <summary>
    /// The input of a call whose usage nobody reported: text at four bytes a token, which is what most has; what the body only
    /// names, at the most that it can be, or else a client would leave early to have it for nothing.
    /// </summary>
    public static long GuessInput(CallRequest request, ModelPrice price)
    {
        var window = price.ContextWindow ?? DefaultContext;
        return (request.HasFile ? window : Math.Min(request.Bytes / 4, window * request.Prompts)) + (request.Images * TokensOfInputImage) + 1;
    }

    /// <summary>In a service tier that costs such a share, in thousandths of a percent.</summary>
    public WorstCost At(int share) => share == ServiceTiers.Standard ? this : new(ShareOf(FixedMicros, share), OutputTokens, ShareOf(OutputRate, share));

    /// <summary>How many output tokens an amount pays for, once the fixed part is paid.</summary>
    public long AffordableOutput(long leftMicros) =>
        OutputRate == 0 ? OutputTokens : (long)Int128.Clamp((Int128)(leftMicros - FixedMicros) * 1_000_000 / OutputRate, 0, OutputTokens);

    private static long ShareOf(long amount, int share) => checked((long)((((Int128)amount * share) + ServiceTiers.Standard - 1) / ServiceTiers.Standard));

    private static long Seconds(CallRequest request) => (request.Bytes / BytesOfAudioSecond) + 1;

    private static long Most(Rate? one, Rate? other) => Math.Max(one?.Most ?? 0, other?.Most ?? 0);

    private static long Micros(long units, long rate) => (long)((((Int128)units * rate) + 999_999) / 1_000_000);
}
