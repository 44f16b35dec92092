using System.Collections.Frozen;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Audio;

/// <summary><c>POST /v1/audio/translations</c>, which only <c>whisper-1</c> does.</summary>
internal static class Translations
{
    private static readonly FrozenSet<string> Known = ["file", "model", "prompt", "response_format", "temperature"];

    public static async Task AnswerAsync(Call call)
    {
        var (parameters, files) = await RequestBody.ReadFormAsync(call, Known);
        parameters.Model(Abilities.Translation);
        var format = parameters.OneOf("response_format", "json", "json", "text", "srt", "verbose_json", "vtt");
        parameters.Number("temperature", 0, 1);
        var heard = Heard.In(call, parameters, files);
        await (parameters.Error is { } error ? call.RefuseAsync(error) : heard.SendAsync(call, format, "translate"));
    }
}
