using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Chat;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Audio;

/// <summary>
/// What the sandbox claims to have heard in a file. It listens to nothing: the length is one second for each 32,000 bytes begun,
/// and audio costs ten tokens a second.
/// </summary>
internal sealed record Heard(string Text, int Seconds, string Prompt)
{
    private const int BytesPerSecond = 32_000;
    private const int TokensPerSecond = 10;

    public static Heard In(Call call, Parameters parameters, IFormFileCollection files)
    {
        var file = files.GetFile("file");
        parameters.RefuseIf(file is null, () => ProviderErrors.MissingParameter("file"));
        parameters.RefuseIf(file?.Length == 0, () => new ProviderError(400,
            "Audio file is too short. Minimum audio length is 0.1 seconds.", Param: "file", Code: "audio_too_short"));
        var length = file?.Length ?? 0;
        var text = $"The sandbox received {file?.FileName}, {length} bytes.";
        return new Heard(
            call.Words.Events is { } pieces ? Reply.Of(pieces) : TextAnswer.Of(call, text, maxTokens: null).Text,
            (int)((length + BytesPerSecond - 1) / BytesPerSecond),
            parameters.Text("prompt") ?? "");
    }

    public JsonObject TokenUsage()
    {
        var (text, audio, output) = (TokenCount.Of(Prompt), Seconds * TokensPerSecond, TokenCount.Of(Text));
        return new JsonObject
        {
            ["type"] = "tokens",
            ["total_tokens"] = text + audio + output,
            ["input_tokens"] = text + audio,
            ["input_token_details"] = new JsonObject { ["text_tokens"] = text, ["audio_tokens"] = audio },
            ["output_tokens"] = output,
        };
    }

    public JsonObject DurationUsage() => new() { ["type"] = "duration", ["seconds"] = Seconds };

    /// <summary>The answer in one of the formats of the older model.</summary>
    public Task SendAsync(Call call, string format, string task) => format switch
    {
        "text" => SendTextAsync(call, $"{Text}\n"),
        "srt" => SendTextAsync(call, $"1\n00:00:00,000 --> {Clock(',')}\n{Text}\n\n"),
        "vtt" => SendTextAsync(call, $"WEBVTT\n\n00:00:00.000 --> {Clock('.')}\n{Text}\n\n"),
        "verbose_json" => call.AnswerAsync(new JsonObject
        {
            ["task"] = task,
            ["language"] = "english",
            ["duration"] = (double)Seconds,
            ["text"] = Text,
            ["segments"] = new JsonArray(Segment()),
            ["usage"] = DurationUsage(),
        }),
        _ => call.AnswerAsync(new JsonObject { ["text"] = Text, ["usage"] = DurationUsage() }),
    };

    private JsonObject Segment() => new()
    {
        ["id"] = 0,
        ["seek"] = 0,
        ["start"] = 0.0,
        ["end"] = (double)Seconds,
        ["text"] = $" {Text}",
        ["tokens"] = new JsonArray(50364, 440),
        ["temperature"] = 0.0,
        ["avg_logprob"] = -0.25,
        ["compression_ratio"] = 1.0,
        ["no_speech_prob"] = 0.01,
    };

    private string Clock(char separator) =>
        TimeSpan.FromSeconds(Seconds).ToString(@"hh\:mm\:ss", CultureInfo.InvariantCulture) + $"{separator}000";

    private static Task SendTextAsync(Call call, string text) => call.AnswerAsync(Encoding.UTF8.GetBytes(text), "text/plain; charset=utf-8");
}
