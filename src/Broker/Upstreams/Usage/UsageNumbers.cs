using System.Text.Json;

namespace TokenBroker.Upstreams;

/// <summary>What an object of details says; null where it does not.</summary>
internal struct UsageParts
{
    public long? Cached;
    public long? CacheWrite;
    public long? Audio;
    public long? Image;
    public long? Reasoning;
}

/// <summary>
/// The numbers of a usage object, under all names that providers have for them, in one pass without a document: this is on
/// the way of every call. Where a member appears twice the last one counts.
/// </summary>
internal struct UsageNumbers
{
    /// <summary>More than any call uses; sums of a few of them still fit.</summary>
    private const long Most = 1_000_000_000_000;

    public long? Seconds;
    public long? PromptTokens;
    public long? InputTokens;
    public long? CompletionTokens;
    public long? OutputTokens;
    public long? TotalTokens;
    public long? PromptCacheHitTokens;
    public long? CacheReadInputTokens;
    public long? CacheCreationInputTokens;
    public long? LongCacheWrite;
    public long? WebSearches;
    public UsageParts Input;
    public UsageParts Output;
    public UsageParts Cached;
    private int _inputRank;
    private int _outputRank;

    /// <returns>False where it is no object.</returns>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static bool TryRead(ReadOnlySpan<byte> json, out UsageNumbers numbers)
    {
        numbers = default;
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            numbers.ReadMember(ref reader);
        }

        // What follows the object would be no JSON, and throws.
        return !reader.Read();
    }

    private void ReadMember(ref Utf8JsonReader reader)
    {
        if (Name(ref reader, "prompt_tokens"u8))
        {
            PromptTokens = Number(ref reader);
        }
        else if (Name(ref reader, "completion_tokens"u8))
        {
            CompletionTokens = Number(ref reader);
        }
        else if (Name(ref reader, "input_tokens"u8))
        {
            InputTokens = Number(ref reader);
        }
        else if (Name(ref reader, "output_tokens"u8))
        {
            OutputTokens = Number(ref reader);
        }
        else if (Name(ref reader, "total_tokens"u8))
        {
            TotalTokens = Number(ref reader);
        }
        else if (Name(ref reader, "prompt_tokens_details"u8))
        {
            ReadInput(ref reader, rank: 3);
        }
        else if (Name(ref reader, "input_tokens_details"u8))
        {
            ReadInput(ref reader, rank: 2);
        }
        else if (Name(ref reader, "input_token_details"u8))
        {
            ReadInput(ref reader, rank: 1);
        }
        else if (Name(ref reader, "completion_tokens_details"u8))
        {
            ReadOutput(ref reader, rank: 3);
        }
        else if (Name(ref reader, "output_tokens_details"u8))
        {
            ReadOutput(ref reader, rank: 2);
        }
        else if (Name(ref reader, "output_token_details"u8))
        {
            ReadOutput(ref reader, rank: 1);
        }
        else
        {
            ReadRareMember(ref reader);
        }
    }

    private void ReadRareMember(ref Utf8JsonReader reader)
    {
        if (Name(ref reader, "cache_read_input_tokens"u8))
        {
            CacheReadInputTokens = Number(ref reader);
        }
        else if (Name(ref reader, "cache_creation_input_tokens"u8))
        {
            CacheCreationInputTokens = Number(ref reader);
        }
        else if (Name(ref reader, "cache_creation"u8))
        {
            LongCacheWrite = Member(ref reader, "ephemeral_1h_input_tokens"u8);
        }
        else if (Name(ref reader, "server_tool_use"u8))
        {
            WebSearches = Member(ref reader, "web_search_requests"u8);
        }
        else if (Name(ref reader, "prompt_cache_hit_tokens"u8))
        {
            PromptCacheHitTokens = Number(ref reader);
        }
        else if (Name(ref reader, "seconds"u8))
        {
            Seconds = Number(ref reader);
        }
        else
        {
            reader.Read();
            reader.Skip();
        }
    }

    /// <summary>Of several objects of details, that under the first of their names counts, wherever it stands.</summary>
    private void ReadInput(ref Utf8JsonReader reader, int rank)
    {
        var cached = default(UsageParts);
        if (Parts(ref reader, ref cached) is { } parts && rank >= _inputRank)
        {
            (Input, Cached, _inputRank) = (parts, cached, rank);
        }
    }

    /// <inheritdoc cref="ReadInput"/>
    private void ReadOutput(ref Utf8JsonReader reader, int rank)
    {
        var cached = default(UsageParts);
        if (Parts(ref reader, ref cached) is { } parts && rank >= _outputRank)
        {
            (Output, _outputRank) = (parts, rank);
        }
    }

    private static UsageParts? Parts(ref Utf8JsonReader reader, ref UsageParts ofCached)
    {
        if (!Begins(ref reader))
        {
            return null;
        }

        var parts = default(UsageParts);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Name(ref reader, "cached_tokens"u8))
            {
                parts.Cached = Number(ref reader);
            }
            else if (Name(ref reader, "audio_tokens"u8))
            {
                parts.Audio = Number(ref reader);
            }
            else if (Name(ref reader, "reasoning_tokens"u8))
            {
                parts.Reasoning = Number(ref reader);
            }
            else if (Name(ref reader, "image_tokens"u8))
            {
                parts.Image = Number(ref reader);
            }
            else if (Name(ref reader, "cache_write_tokens"u8))
            {
                parts.CacheWrite = Number(ref reader);
            }
            else if (Name(ref reader, "cached_tokens_details"u8))
            {
                var nothing = default(UsageParts);
                ofCached = Parts(ref reader, ref nothing) ?? default;
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return parts;
    }

    private static long? Member(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        long? number = null;
        if (!Begins(ref reader))
        {
            return null;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Name(ref reader, name))
            {
                number = Number(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return number;
    }

    private static bool Name(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) => reader.ValueTextEquals(name);

    /// <summary>Reads the member's value; past it where it is no object.</summary>
    private static bool Begins(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            return true;
        }

        reader.Skip();
        return false;
    }

    /// <summary>Reads the member's value.</summary>
    private static long? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number)
        {
            return reader.TryGetInt64(out var whole) ? Math.Clamp(whole, 0, Most) : (long)Math.Ceiling(Math.Clamp(reader.GetDouble(), 0, Most));
        }

        reader.Skip();
        return null;
    }
}
