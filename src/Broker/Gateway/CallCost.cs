using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What an ended call used: the provider's own report, or an estimate where it gave none.</summary>
internal static class CallCost
{
    private const int BytesOfToken = 4;

    public static (TokenUsage Tokens, bool Estimated) Of(Call call)
    {
        if (call.Tap is not { } tap || call.Operation.Kind == OperationKind.Free)
        {
            return (default, false);
        }

        if (!tap.Usage.IsEmpty && UsageReader.Read(tap.Usage, call.Operation.Kind) is { } reported)
        {
            return (reported, false);
        }

        var request = call.Request;
        var estimate = call.Operation.Kind switch
        {
            OperationKind.Chat or OperationKind.Completion or OperationKind.Response => new TokenUsage
            {
                Input = (request.Bytes / BytesOfToken) + 1,
                Output = tap.Events > 0 ? tap.Events : tap.Bytes / BytesOfToken,
            },
            OperationKind.Embedding => new TokenUsage { Input = (request.Bytes / BytesOfToken) + 1 },
            OperationKind.Speech when call.Price?.Characters is not null => new TokenUsage { Characters = request.Bytes },
            OperationKind.Speech => new TokenUsage { Input = (request.Bytes / BytesOfToken) + 1, Output = request.Bytes * 2, AudioOutput = request.Bytes * 2 },
            OperationKind.Transcription when call.Price?.AudioSeconds is not null => new TokenUsage { AudioSeconds = (request.Bytes / 4_000) + 1 },
            OperationKind.Transcription => new TokenUsage { Input = request.Bytes / 250, AudioInput = request.Bytes / 250, Output = request.Bytes / 1_000 },
            OperationKind.Image => new TokenUsage { Input = request.Bytes / BytesOfToken, Output = request.Answers * 8_000, ImageOutput = request.Answers * 8_000 },
            _ => default,
        };
        return (estimate, true);
    }
}
