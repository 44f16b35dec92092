using System.Runtime.InteropServices;
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
    public static TokenUsage? Read(ReadOnlySpan<byte> json, UsageShape shape, OperationKind kind)
    {
        try
        {
            return !UsageNumbers.TryRead(json, out var numbers) ? null
                : shape == UsageShape.Anthropic ? ReadAnthropic(numbers)
                : ReadOpenAi(numbers, kind);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <inheritdoc cref="Read(ReadOnlySpan{byte}, UsageShape, OperationKind)"/>
    public static TokenUsage? Read(JsonElement usage, UsageShape shape, OperationKind kind) => Read(JsonMarshal.GetRawUtf8Value(usage), shape, kind);

    private static TokenUsage? ReadOpenAi(in UsageNumbers usage, OperationKind kind)
    {
        if (usage.Seconds is { } seconds)
        {
            return new TokenUsage { AudioSeconds = seconds };
        }

        var input = usage.PromptTokens ?? usage.InputTokens;
        var output = usage.CompletionTokens ?? usage.OutputTokens;
        if (input is null && output is null)
        {
            return null;
        }

        // Some compatible providers leave what the model thought out of the output, and in the total alone.
        if (usage.TotalTokens is { } total)
        {
            output = Math.Max(output ?? 0, total - (input ?? 0));
        }

        // Realtime says what the cached tokens are, and counts them among text, audio and pictures as well.
        var (inputParts, outputParts, cachedParts) = (usage.Input, usage.Output, usage.Cached);
        return new TokenUsage
        {
            Input = input ?? 0,
            CachedInput = inputParts.Cached ?? usage.PromptCacheHitTokens ?? 0,
            CachedAudioInput = cachedParts.Audio ?? 0,
            CacheWrite = inputParts.CacheWrite ?? 0,
            AudioInput = inputParts.Audio ?? 0,
            ImageInput = Math.Max(0, (inputParts.Image ?? 0) - (cachedParts.Image ?? 0)),
            Output = output ?? 0,
            Reasoning = outputParts.Reasoning ?? 0,
            AudioOutput = outputParts.Audio ?? (kind == OperationKind.Speech ? output ?? 0 : 0),

            // An image model's answer is image tokens unless the provider says how much of it is text.
            ImageOutput = outputParts.Image ?? (kind == OperationKind.Image ? output ?? 0 : 0),
        };
    }

    private static TokenUsage? ReadAnthropic(in UsageNumbers usage)
    {
        if (usage.InputTokens is null && usage.OutputTokens is null)
        {
            return null;
        }

        var read = usage.CacheReadInputTokens ?? 0;
        var written = usage.CacheCreationInputTokens ?? 0;
        return new TokenUsage
        {
            Input = (usage.InputTokens ?? 0) + read + written,
            CachedInput = read,
            CacheWrite = written,
            CacheWriteLong = usage.LongCacheWrite ?? 0,
            Output = usage.OutputTokens ?? 0,
            WebSearches = usage.WebSearches ?? 0,
        };
    }
}
