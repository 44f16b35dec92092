using System.Collections.Frozen;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Audio;

/// <summary>
/// <c>POST /v1/audio/transcriptions</c>. <c>whisper-1</c> knows every format, never streams and is billed by time; the newer models
/// answer JSON, stream, and are billed by tokens.
/// </summary>
internal static class Transcriptions
{
    private static readonly FrozenSet<string> Known =
    [
        "chunking_strategy", "file", "include[]", "keywords[]", "known_speaker_names[]", "known_speaker_references[]", "language", "languages[]",
        "model", "prompt", "response_format", "stream", "temperature", "timestamp_granularities[]",
    ];

    public static async Task AnswerAsync(Call call)
    {
        var (parameters, files) = await RequestBody.ReadFormAsync(call, Known);
        var model = parameters.Model(Abilities.Transcription);
        var isOld = model?.Id == "whisper-1";
        var format = parameters.OneOf("response_format", "json", "json", "text", "srt", "verbose_json", "vtt");
        parameters.RefuseIf(!isOld && format != "json", () => ProviderErrors.Invalid("response_format",
            $"response_format '{format}' is not compatible with model '{model?.Id}'. Use 'json' instead.", "unsupported_value"));
        var stream = parameters.Flag("stream");
        parameters.Number("temperature", 0, 1);
        var heard = Heard.In(call, parameters, files);
        await (parameters.Error switch
        {
            { } error => call.RefuseAsync(error),
            null when isOld => heard.SendAsync(call, format, "transcribe"),
            null when stream => call.StreamAsync(Events(call, heard)),
            _ => call.AnswerAsync(new JsonObject { ["text"] = heard.Text, ["usage"] = heard.TokenUsage() }),
        });
    }

    private static IEnumerable<StreamEvent> Events(Call call, Heard heard)
    {
        foreach (var piece in Reply.Pieces(heard.Text))
        {
            yield return new StreamEvent(new JsonObject { ["type"] = "transcript.text.delta", ["delta"] = piece });
        }

        var done = new JsonObject { ["type"] = "transcript.text.done", ["text"] = heard.Text };
        if (call.HasUsage)
        {
            done["usage"] = heard.TokenUsage();
        }

        yield return new StreamEvent(done);
    }
}
