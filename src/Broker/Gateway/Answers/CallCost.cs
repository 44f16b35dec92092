using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// What an ended call used: the provider's own report, or an estimate where it gave none. A call that was broken off
/// before the report is charged for the time that the provider had to work on it, so that leaving early is not a way
/// round the budget.
/// </summary>
internal static class CallCost
{
    private const int BytesOfToken = 4;

    /// <summary>About what a text model writes, or thinks unseen.</summary>
    private const int TokensOfSecond = 50;

    /// <summary>Sound at 32 kbit/s, and bytes of text that a slow speaker says; tokens that are made of it, and some more.</summary>
    private const int BytesOfSecond = 4_000;
    private const int WordsOfSecond = 10;
    private const int TokensOfHeardSecond = 16;

    public static Charge Of(Call call, TimeSpan elapsed)
    {
        var (tokens, isEstimate) = TokensOf(call, elapsed);
        if (!call.MayHaveCost || call.CeilingMicros is not null || call.Price is not { } price)
        {
            return new Charge(tokens, isEstimate, call.MayHaveCost ? call.CeilingMicros ?? 0 : 0, null);
        }

        var (tier, share) = CallTier.Of(call, price, isEstimate);
        if (isEstimate && call.Request.IsBackground)
        {
            // Nobody reports what it will have used: all that it may cost is charged, until it is known.
            return new Charge(tokens, isEstimate, call.Reservation.Micros, tier);
        }

        // A guess is never worse than the worst, which was reserved.
        var cost = price.CostOf(tokens, share);
        return new Charge(tokens, isEstimate, isEstimate ? Math.Min(cost, call.Reservation.Micros) : cost, tier);
    }

    private static (TokenUsage Tokens, bool Estimated) TokensOf(Call call, TimeSpan elapsed)
    {
        if (call.Operation.Kind is OperationKind.Free or OperationKind.Unpriced or OperationKind.Batch || !call.MayHaveCost)
        {
            return (default, call.Operation.Kind == OperationKind.Batch && call.MayHaveCost);
        }

        if (call.Tap is not { Usage.IsEmpty: false } tap || Read(tap.Usage, call) is not { } reported)
        {
            return (Estimate(call, elapsed), true);
        }

        if (call.Upstream.Usage != UsageShape.Anthropic || tap.Shape != AnswerShape.Events)
        {
            return (reported, false);
        }

        // The first event of such a stream tells the input, the last one the output.
        return tap.FirstUsage.IsEmpty
            ? (reported.With(new TokenUsage { Output = Estimate(call, elapsed).Output }), true)
            : ((Read(tap.FirstUsage, call) ?? default).With(reported), false);
    }

    private static TokenUsage? Read(ReadOnlyMemory<byte> usage, Call call) => UsageReader.Read(usage.Span, call.Upstream.Usage, call.Operation.Kind);

    private static TokenUsage Estimate(Call call, TimeSpan elapsed)
    {
        var request = call.Request;
        if (request.IsBackground)
        {
            return new TokenUsage { Input = Math.Min(request.Bytes, call.Price?.ContextWindow ?? request.Bytes), Output = call.MostOutput };
        }

        switch (call.Operation.Kind)
        {
            case OperationKind.Chat or OperationKind.Completion or OperationKind.Response or OperationKind.Message:
                // All answers are written at one time. What is only named in the body may fill the window.
                var seen = call.Tap is not { } tap ? 0 : tap.Events > 0 ? tap.Events : tap.Bytes / BytesOfToken;
                var each = call.Tap?.End == StreamEnd.Complete ? 0 : Math.Min((long)(elapsed.TotalSeconds * TokensOfSecond), call.MostOutput);
                var output = Math.Max(seen, each * request.Answers * request.Prompts) + (request.PredictedBytes / BytesOfToken);
                return new TokenUsage { Input = call.Price is { } price ? WorstCost.GuessInput(request, price) : 0, Output = output };
            case OperationKind.Embedding:
                return new TokenUsage { Input = (request.Bytes / BytesOfToken) + 1 };
            case OperationKind.Speech when call.Price?.Rates.Characters is not null:
                return new TokenUsage { Characters = request.Bytes };
            case OperationKind.Speech:
                return new TokenUsage { Input = (request.Bytes / BytesOfToken) + 1, Output = request.Bytes * 2, AudioOutput = request.Bytes * 2 };
            case OperationKind.Transcription:
                // By the sound's bytes, or by the words that came of it: who has much said in few bytes is charged for the words.
                var words = call.Tap?.Bytes ?? 0;
                var seconds = Math.Max(request.Bytes / BytesOfSecond, words / WordsOfSecond) + 1;
                return call.Price?.Rates.AudioSeconds is not null
                    ? new TokenUsage { AudioSeconds = seconds }
                    : new TokenUsage { Input = seconds * TokensOfHeardSecond, AudioInput = seconds * TokensOfHeardSecond, Output = Math.Max(request.Bytes / 1_000, words / BytesOfToken) };
            case OperationKind.Image:
                return new TokenUsage { Input = request.Bytes / BytesOfToken, Output = request.Answers * 8_000, ImageOutput = request.Answers * 8_000 };
            default:
                return default;
        }
    }
}
