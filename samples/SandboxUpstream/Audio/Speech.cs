using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Audio;

/// <summary>
/// <c>POST /v1/audio/speech</c>. Whatever format is asked for, the sound is a tenth of a second of WAV tone under that format's
/// content type (<c>pcm</c> leaves out the header). Output tokens: ten for each word of the input.
/// </summary>
internal static class Speech
{
    private const int SampleRate = 24_000;
    private const int Samples = SampleRate / 10;
    private const int PieceBytes = 1024;
    private const int TokensPerWord = 10;
    private const int LongestInput = 4096;

    private static readonly FrozenSet<string> Known = ["input", "instructions", "model", "response_format", "speed", "stream_format", "voice"];

    private static readonly FrozenDictionary<string, string> ContentTypes = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["mp3"] = "audio/mpeg",
        ["opus"] = "audio/opus",
        ["aac"] = "audio/aac",
        ["flac"] = "audio/flac",
        ["wav"] = "audio/wav",
        ["pcm"] = "audio/pcm",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static Task AnswerAsync(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var model = parameters.Model(Abilities.Speech);
        var input = parameters.RequiredText("input");
        parameters.RefuseIf(!parameters.Has("voice"), () => ProviderErrors.MissingParameter("voice"));
        parameters.RefuseIf(input.Length > LongestInput, () => ProviderErrors.Invalid("input",
            $"Invalid 'input': string too long. Expected a string with maximum length {LongestInput}, but got a string with length {input.Length} instead.", "string_above_max_length"));
        var format = parameters.OneOf("response_format", "mp3", [.. ContentTypes.Keys]);
        var streamFormat = parameters.OneOf("stream_format", "audio", "audio", "sse");
        parameters.Number("speed", 0.25, 4);
        parameters.RefuseIf(streamFormat == "sse" && model?.Id == "tts-1", () => ProviderErrors.Invalid("stream_format",
            "Streaming speech events is not supported with this model.", "unsupported_parameter"));
        if (parameters.Error is { } error)
        {
            return call.RefuseAsync(error);
        }

        var sound = Tone(withHeader: format != "pcm");
        return streamFormat == "sse" ? call.StreamAsync(Events(call, input, sound)) : call.AnswerAsync(sound, ContentTypes[format]);
    }

    private static IEnumerable<StreamEvent> Events(Call call, string input, byte[] sound)
    {
        foreach (var piece in sound.Chunk(PieceBytes))
        {
            yield return new StreamEvent(new JsonObject { ["type"] = "speech.audio.delta", ["audio"] = Convert.ToBase64String(piece) });
        }

        var done = new JsonObject { ["type"] = "speech.audio.done" };
        if (call.HasUsage)
        {
            var (tokens, output) = (TokenCount.Of(input), TokensPerWord * Reply.Pieces(input).Count());
            done["usage"] = new JsonObject { ["input_tokens"] = tokens, ["output_tokens"] = output, ["total_tokens"] = tokens + output };
        }

        yield return new StreamEvent(done);
    }

    /// <summary>A quiet triangle wave of 500 Hz, 16 bits mono.</summary>
    private static byte[] Tone(bool withHeader)
    {
        const int dataBytes = Samples * sizeof(short);
        const int period = SampleRate / 500;
        var header = withHeader ? Header(dataBytes) : [];
        var sound = new byte[header.Length + dataBytes];
        header.CopyTo(sound, 0);
        for (var i = 0; i < Samples; i++)
        {
            var level = Math.Abs((i % period) - (period / 2)) - (period / 4);
            BinaryPrimitives.WriteInt16LittleEndian(sound.AsSpan(header.Length + (i * sizeof(short))), (short)(level * 200));
        }

        return sound;
    }

    private static byte[] Header(int dataBytes)
    {
        var header = new byte[44];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), 36 + dataBytes);
        "WAVEfmt "u8.CopyTo(header.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(20), 1); // PCM
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(22), 1); // one channel
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(24), SampleRate);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(28), SampleRate * sizeof(short));
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(32), sizeof(short));
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(34), 16);
        "data"u8.CopyTo(header.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(40), dataBytes);
        return header;
    }
}
