using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What a response that the app asks for is bounded by.</summary>
internal sealed record ResponseAsk(bool IsAside, long? MaxOutput, ItemSize Size);

/// <summary>
/// Judges what an app may set of a session or of one response: the current names of the API and the older ones that some
/// clients still send. A member that is not listed here is refused by its name.
/// </summary>
internal sealed class SessionMembers(SessionTerms terms)
{
    public (SessionChange? Change, GatewayError? Refusal) ReadSession(JsonElement session)
    {
        var change = new SessionChange(null, null, null);
        GatewayError? refusal = session.ValueKind == JsonValueKind.Object ? null : GatewayError.InvalidRequest("'session' must be an object.", "session");
        foreach (var member in refusal is null ? session.EnumerateObject() : default)
        {
            (change, refusal) = member.Name switch
            {
                "type" => (change, Is(member.Value, "realtime") ? null : NotAllowed("session.type", "Only sessions of the type 'realtime' are forwarded.")),
                "audio" => ReadAudio(member.Value, change),
                "turn_detection" => (change with { RespondsByItself = RespondsByItself(member.Value) }, null),
                "input_audio_transcription" => ReadTranscription(member.Value, change),
                "max_output_tokens" or "max_response_output_tokens" => MaxOutputOf(member.Value, member.Name) is var (most, bad) ? (change with { MaxOutput = most }, bad) : default,
                "include" or "truncation" or "input_audio_format" or "input_audio_noise_reduction" => (change, null),
                _ => (change, ReadShared(member)),
            };
            if (refusal is not null)
            {
                break;
            }
        }

        return refusal is null ? (change, null) : (null, refusal);
    }

    public (ResponseAsk? Ask, GatewayError? Refusal) ReadResponse(JsonElement response)
    {
        var ask = new ResponseAsk(false, null, default);
        GatewayError? refusal = response.ValueKind == JsonValueKind.Object ? null : GatewayError.InvalidRequest("'response' must be an object.", "response");
        foreach (var member in refusal is null ? response.EnumerateObject() : default)
        {
            (ask, refusal) = member.Name switch
            {
                "conversation" => Is(member.Value, "none") ? (ask with { IsAside = true }, null)
                    : (ask, Is(member.Value, "auto") || member.Value.ValueKind == JsonValueKind.Null ? null
                        : NotAllowed("response.conversation", "A response belongs to this session's conversation ('auto') or to none ('none').")),
                "max_output_tokens" or "max_response_output_tokens" => MaxOutputOf(member.Value, member.Name) is var (most, bad) ? (ask with { MaxOutput = most }, bad) : default,
                "input" => ConversationItems.ReadAll(member.Value, "response.input") is var (size, bad) ? (ask with { Size = size }, bad) : default,
                "audio" => (ask, OnlyOutput(member.Value)),
                "metadata" => (ask, null),
                _ => (ask, ReadShared(member)),
            };
            if (refusal is not null)
            {
                break;
            }
        }

        return refusal is null ? (ask, null) : (null, refusal);
    }

    /// <summary>What a session and a response have in common.</summary>
    private GatewayError? ReadShared(JsonProperty member) => member.Name switch
    {
        "model" => Is(member.Value, terms.Model) ? null
            : GatewayError.ModelNotAllowed(member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : "") with { Param = "model" },
        "tools" => ReadTools(member.Value),
        "prompt" when member.Value.ValueKind != JsonValueKind.Null => NotAllowed("prompt", "Stored prompts are not allowed through this broker: send the prompt's text."),
        "tracing" when member.Value.ValueKind != JsonValueKind.Null => NotAllowed("tracing", "Nothing may be stored at the provider through this broker: leave 'tracing' out."),
        "voice" => VoiceOf(member.Value),
        "prompt" or "tracing" or "instructions" or "modalities" or "output_modalities" or "output_audio_format" or "parallel_tool_calls"
            or "reasoning" or "speed" or "temperature" or "tool_choice" => null,
        _ => NotAllowed(member.Name.Length <= 64 ? member.Name : member.Name[..64], "This broker does not know this setting, and forwards none that it does not know."),
    };

    private (SessionChange Change, GatewayError? Refusal) ReadAudio(JsonElement audio, SessionChange change)
    {
        if (audio.ValueKind != JsonValueKind.Object)
        {
            return (change, GatewayError.InvalidRequest("'audio' must be an object.", "session.audio"));
        }

        GatewayError? refusal = null;
        foreach (var side in audio.EnumerateObject())
        {
            if (side.Name == "output")
            {
                if (OutputOf(side.Value) is { } notForwarded)
                {
                    return (change, notForwarded);
                }

                continue;
            }

            if (side.Name != "input" || side.Value.ValueKind != JsonValueKind.Object)
            {
                return (change, NotAllowed("session.audio", "'audio' has the objects 'input' and 'output'."));
            }

            foreach (var member in side.Value.EnumerateObject())
            {
                (change, refusal) = member.Name switch
                {
                    "turn_detection" => (change with { RespondsByItself = RespondsByItself(member.Value) }, null),
                    "transcription" => ReadTranscription(member.Value, change),
                    "format" or "noise_reduction" => (change, null),
                    _ => (change, NotAllowed("session.audio.input", "This broker knows format, noise_reduction, transcription and turn_detection.")),
                };
                if (refusal is not null)
                {
                    return (change, refusal);
                }
            }
        }

        return (change, null);
    }

    private (SessionChange Change, GatewayError? Refusal) ReadTranscription(JsonElement transcription, SessionChange change)
    {
        if (transcription.ValueKind == JsonValueKind.Null)
        {
            return (change with { Transcribes = "" }, null);
        }

        // Without a name the provider would choose the model.
        var model = transcription.ValueKind == JsonValueKind.Object && transcription.TryGetProperty("model", out var named) && named.ValueKind == JsonValueKind.String
            ? named.GetString()
            : null;
        return model is { Length: > 0 } && terms.PriceOf(model, OperationKind.Transcription) is not null
            ? (change with { Transcribes = model }, null)
            : (change, GatewayError.ModelNotAllowed(model) with { Param = "transcription.model" });
    }

    private static GatewayError? ReadTools(JsonElement tools)
    {
        if (tools.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
        {
            return GatewayError.InvalidRequest("'tools' must be a list.", "tools");
        }

        foreach (var tool in tools.ValueKind == JsonValueKind.Array ? tools.EnumerateArray() : default)
        {
            if (tool.ValueKind != JsonValueKind.Object || !tool.TryGetProperty("type", out var type) || !(Is(type, "function") || Is(type, "custom")))
            {
                return NotAllowed("tools", "A tool that runs at the provider has costs and a reach that this broker cannot bound. Only 'function' and 'custom' are forwarded.");
            }
        }

        return null;
    }

    private static (long? Most, GatewayError? Refusal) MaxOutputOf(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Null || Is(value, "inf") ? (long.MaxValue, null)
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var most) && most > 0 ? (most, null)
        : (null, GatewayError.InvalidRequest($"'{name}' must be a number above zero, or 'inf'.", name));

    /// <summary>Without a word of it, hearing the end of speech means answering.</summary>
    internal static bool RespondsByItself(JsonElement detection) =>
        detection.ValueKind != JsonValueKind.Null
        && !(detection.ValueKind == JsonValueKind.Object && detection.TryGetProperty("create_response", out var creates) && creates.ValueKind == JsonValueKind.False);

    private static GatewayError? OnlyOutput(JsonElement audio) =>
        audio.ValueKind == JsonValueKind.Object && audio.EnumerateObject().All(side => side.Name == "output")
            ? audio.TryGetProperty("output", out var output) ? OutputOf(output) : null
            : NotAllowed("response.audio", "Of 'audio', a response has 'output' alone.");

    private static GatewayError? OutputOf(JsonElement output) =>
        output.ValueKind == JsonValueKind.Object && output.TryGetProperty("voice", out var voice) ? VoiceOf(voice) : null;

    /// <summary>A voice that has an id is one that somebody made on the provider account.</summary>
    private static GatewayError? VoiceOf(JsonElement voice) =>
        voice.ValueKind == JsonValueKind.Object ? NotAllowed("voice", "A voice is named by the word that the provider has for it: those with ids belong to the whole provider account.") : null;

    private static bool Is(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    private static GatewayError NotAllowed(string param, string message) => GatewayError.NotAllowed(param, message);
}
