using System.Text.Json;

namespace TokenBroker.Upstreams;

/// <summary>Reads the usage objects of OpenAI-compatible providers: chat's and legacy completions', responses', images', embeddings', audio's and realtime's.</summary>
internal static class UsageReader
{
    /// <returns>Null where the bytes are not a usage object; an explicit zero is zero.</returns>
    public static TokenUsage? Read(ReadOnlyMemory<byte> json, OperationKind kind)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement, kind) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <inheritdoc cref="Read(ReadOnlyMemory{byte}, OperationKind)"/>
    public static TokenUsage? Read(JsonElement usage, OperationKind kind)
    {
        if (Number(usage, "seconds") is { } seconds)
        {
            return new TokenUsage { AudioSeconds = seconds };
        }

        var input = Number(usage, "prompt_tokens") ?? Number(usage, "input_tokens");
        var output = Number(usage, "completion_tokens") ?? Number(usage, "output_tokens");
        if (input is null && output is null)
        {
            return null;
        }

        var inputParts = Part(usage, "prompt_tokens_details") ?? Part(usage, "input_tokens_details") ?? Part(usage, "input_token_details");
        var outputParts = Part(usage, "completion_tokens_details") ?? Part(usage, "output_tokens_details") ?? Part(usage, "output_token_details");

        // Realtime says what the cached tokens are, and counts them among text, audio and pictures as well.
        var cachedParts = inputParts is { } parts ? Part(parts, "cached_tokens_details") : null;
        return new TokenUsage
        {
            Input = input ?? 0,
            CachedInput = Number(inputParts, "cached_tokens") ?? 0,
            CachedAudioInput = Number(cachedParts, "audio_tokens") ?? 0,
            AudioInput = Number(inputParts, "audio_tokens") ?? 0,
            ImageInput = Math.Max(0, (Number(inputParts, "image_tokens") ?? 0) - (Number(cachedParts, "image_tokens") ?? 0)),
            Output = output ?? 0,
            AudioOutput = Number(outputParts, "audio_tokens") ?? (kind == OperationKind.Speech ? output ?? 0 : 0),

            // An image model's answer is image tokens unless the provider says how much of it is text.
            ImageOutput = Number(outputParts, "image_tokens") ?? (kind == OperationKind.Image ? output ?? 0 : 0),
        };
    }

    private static JsonElement? Part(JsonElement usage, string name) =>
        usage.TryGetProperty(name, out var part) && part.ValueKind == JsonValueKind.Object ? part : null;

    private static long? Number(JsonElement? parent, string name) =>
        parent is { } p && p.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            ? value.TryGetInt64(out var whole) ? Math.Max(0, whole) : (long)Math.Ceiling(Math.Clamp(value.GetDouble(), 0, 1e12))
            : null;
}
