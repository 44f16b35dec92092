using System.Text.Json;

namespace TokenBroker.Upstreams;

/// <summary>How a provider tells what a call used.</summary>
internal enum UsageShape
{
    /// <summary>As OpenAI and those that are compatible with it: totals, with the parts in objects of details.</summary>
    OpenAi,

    /// <summary>As Anthropic: input without what was read from or written to the cache, in several events of a stream.</summary>
    Anthropic,
}

/// <summary>
/// Reads the usage objects of providers. What one provider counts in and another counts out is brought to one shape:
/// totals that include their parts.
/// </summary>
internal static class UsageReader
{
    /// <returns>Null where the bytes are not a usage object; an explicit zero is zero.</returns>
    public static TokenUsage? Read(ReadOnlyMemory<byte> json, UsageShape shape, OperationKind kind)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement, shape, kind);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <inheritdoc cref="Read(ReadOnlyMemory{byte}, UsageShape, OperationKind)"/>
    public static TokenUsage? Read(JsonElement usage, UsageShape shape, OperationKind kind) =>
        usage.ValueKind != JsonValueKind.Object ? null
        : shape == UsageShape.Anthropic ? ReadAnthropic(usage)
        : ReadOpenAi(usage, kind);

    private static TokenUsage? ReadOpenAi(JsonElement usage, OperationKind kind)
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

        // Some compatible providers leave what the model thought out of the output, and in the total alone.
        if (Number(usage, "total_tokens") is { } total)
        {
            output = Math.Max(output ?? 0, total - (input ?? 0));
        }

        var inputParts = Part(usage, "prompt_tokens_details") ?? Part(usage, "input_tokens_details") ?? Part(usage, "input_token_details");
        var outputParts = Part(usage, "completion_tokens_details") ?? Part(usage, "output_tokens_details") ?? Part(usage, "output_token_details");

        // Realtime says what the cached tokens are, and counts them among text, audio and pictures as well.
        var cachedParts = inputParts is { } parts ? Part(parts, "cached_tokens_details") : null;
        return new TokenUsage
        {
            Input = input ?? 0,
            CachedInput = Number(inputParts, "cached_tokens") ?? Number(usage, "prompt_cache_hit_tokens") ?? 0,
            CachedAudioInput = Number(cachedParts, "audio_tokens") ?? 0,
            CacheWrite = Number(inputParts, "cache_write_tokens") ?? 0,
            AudioInput = Number(inputParts, "audio_tokens") ?? 0,
            ImageInput = Math.Max(0, (Number(inputParts, "image_tokens") ?? 0) - (Number(cachedParts, "image_tokens") ?? 0)),
            Output = output ?? 0,
            Reasoning = Number(outputParts, "reasoning_tokens") ?? 0,
            AudioOutput = Number(outputParts, "audio_tokens") ?? (kind == OperationKind.Speech ? output ?? 0 : 0),

            // An image model's answer is image tokens unless the provider says how much of it is text.
            ImageOutput = Number(outputParts, "image_tokens") ?? (kind == OperationKind.Image ? output ?? 0 : 0),
        };
    }

    private static TokenUsage? ReadAnthropic(JsonElement usage)
    {
        var input = Number(usage, "input_tokens");
        var output = Number(usage, "output_tokens");
        if (input is null && output is null)
        {
            return null;
        }

        var read = Number(usage, "cache_read_input_tokens") ?? 0;
        var written = Number(usage, "cache_creation_input_tokens") ?? 0;
        return new TokenUsage
        {
            Input = (input ?? 0) + read + written,
            CachedInput = read,
            CacheWrite = written,
            CacheWriteLong = Number(Part(usage, "cache_creation"), "ephemeral_1h_input_tokens") ?? 0,
            Output = output ?? 0,
            WebSearches = Number(Part(usage, "server_tool_use"), "web_search_requests") ?? 0,
        };
    }

    private static JsonElement? Part(JsonElement usage, string name) =>
        usage.TryGetProperty(name, out var part) && part.ValueKind == JsonValueKind.Object ? part : null;

    private static long? Number(JsonElement? parent, string name) =>
        parent is { } p && p.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            ? value.TryGetInt64(out var whole) ? Math.Clamp(whole, 0, Most) : (long)Math.Ceiling(Math.Clamp(value.GetDouble(), 0, Most))
            : null;

    /// <summary>More than any call uses; sums of a few of them still fit.</summary>
    private const long Most = 1_000_000_000_000;
}
