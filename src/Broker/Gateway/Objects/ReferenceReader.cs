using System.Collections.Frozen;
using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>
/// Finds the ids of objects that a JSON body names, wherever they stand. Members of known names say which kind they name;
/// a member whose name says that it is an id, and that is not known here, refuses the body, since what it reaches at the
/// provider cannot be checked. What is the app's own free text or schema is not looked into.
/// </summary>
internal static class ReferenceReader
{
    private const int LongestName = 128;
    public const int MostReferences = 2_000;

    private static readonly FrozenDictionary<string, string> Kinds = new Dictionary<string, string>
    {
        ["previous_response_id"] = "response",
        ["response_id"] = "response",
        ["conversation"] = "conversation",
        ["conversation_id"] = "conversation",
        ["file_id"] = "file",
        ["file_ids"] = "file",
        ["input_file_id"] = "file",
        ["training_file"] = "file",
        ["validation_file"] = "file",
        ["part_ids"] = "upload_part",
        ["vector_store_id"] = "vector_store",
        ["vector_store_ids"] = "vector_store",
        ["container"] = "container",
        ["container_id"] = "container",
        ["assistant_id"] = "assistant",
        ["thread_id"] = "thread",
        ["video_id"] = "video",
        ["character_id"] = "character",
        ["eval_id"] = "eval",
        ["batch_id"] = "batch",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>What an <c>id</c> names, by the member that it stands in.</summary>
    private static readonly FrozenDictionary<string, string> KindsByParent = new Dictionary<string, string>
    {
        ["conversation"] = "conversation",
        ["container"] = "container",
        ["video"] = "video",
        ["characters"] = "character",
        ["source"] = "file",
        ["file"] = "file",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Objects of the account, which no app makes through here: stored prompts, voices, kept sound.</summary>
    private static readonly FrozenSet<string> OfTheAccount = ["prompt", "voice", "audio"];

    /// <summary>Lists whose items carry an id that the body itself gives its meaning.</summary>
    private static readonly FrozenSet<string> OwnIds = ["input", "messages", "items", "item", "tool_calls", "output", "content", "additional_messages"];

    /// <summary>Ids that tie parts of one body together.</summary>
    private static readonly FrozenSet<string> Harmless = ["tool_call_id", "tool_use_id", "call_id", "approval_request_id"];

    /// <summary>The app's own words: the provider looks nothing up by them.</summary>
    private static readonly FrozenSet<string> FreeForm =
        ["metadata", "parameters", "schema", "json_schema", "item_schema", "input_schema", "attributes", "arguments", "annotations", "logit_bias"];

    /// <summary>Kinds of evaluation data that the provider gathers from the whole account.</summary>
    private static bool IsOfTheAccount(string parent, string type) => type is "stored_completions" or "logs" || (type == "responses" && parent == "source");

    /// <param name="body">A JSON object that was read before without fault.</param>
    /// <param name="isEval">Whether the body may name the account's stored answers as a source of data.</param>
    /// <param name="request">Gets what was found.</param>
    /// <returns>The refusal, where something cannot be checked.</returns>
    public static GatewayError? Read(ReadOnlySpan<byte> body, bool isEval, CallRequest request)
    {
        if (!isEval && !MayName(body))
        {
            return null;
        }

        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
            reader.Read();
            return ReadValue(ref reader, parent: "", isEval, request.Named());
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return GatewayError.InvalidRequest("The body is not JSON of the shape that this operation takes.");
        }
    }

    /// <summary>Most bodies have no member of such a name at all, and no escape that could spell one: they are not walked.</summary>
    private static bool MayName(ReadOnlySpan<byte> body) =>
        body.IndexOf("id\""u8) >= 0 || body.IndexOf("ids\""u8) >= 0 || body.IndexOf("_file\""u8) >= 0
        || body.IndexOf("conversation\""u8) >= 0 || body.IndexOf("container\""u8) >= 0 || body.IndexOf("\\u"u8) >= 0;

    private static GatewayError? ReadValue(ref Utf8JsonReader reader, string parent, bool isEval, List<ObjectReference> found)
    {
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (ReadValue(ref reader, parent, isEval, found) is { } refusal)
                {
                    return refusal;
                }
            }

            return null;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (ReadMember(ref reader, parent, name, isEval, found) is { } refusal)
            {
                return refusal;
            }
        }

        return null;
    }

    private static GatewayError? ReadMember(ref Utf8JsonReader reader, string parent, string name, bool isEval, List<ObjectReference> found)
    {
        // What a tool was called with, as Anthropic writes it into a message.
        if (FreeForm.Contains(name) || (name == "input" && parent == "content"))
        {
            reader.Skip();
            return null;
        }

        if (name == "id")
        {
            return ReadId(ref reader, parent, found);
        }

        if (Kinds.TryGetValue(name, out var kind))
        {
            return ReadNamed(ref reader, name, kind, isEval, found);
        }

        if (isEval && name == "type" && reader.TokenType == JsonTokenType.String && IsOfTheAccount(parent, reader.GetString()!))
        {
            found.Add(new ObjectReference(null, reader.GetString()!, name));
            return null;
        }

        return IsId(name) && !Harmless.Contains(name) && reader.TokenType != JsonTokenType.Null
            ? GatewayError.NotAllowed(Short(name), $"'{Short(name)}' names something that this broker cannot check.")
            : ReadValue(ref reader, name, isEval, found);
    }

    private static GatewayError? ReadId(ref Utf8JsonReader reader, string parent, List<ObjectReference> found)
    {
        if (reader.TokenType == JsonTokenType.Null || OwnIds.Contains(parent))
        {
            reader.Skip();
            return null;
        }

        var member = parent.Length == 0 ? "id" : $"{parent}.id";
        var isKnown = KindsByParent.TryGetValue(parent, out var kind) || OfTheAccount.Contains(parent);
        return isKnown ? Add(ref reader, kind, member, found) : GatewayError.NotAllowed(Short(member), $"'{Short(member)}' names something that this broker cannot check.");
    }

    /// <summary>An id, several, or an object that holds one.</summary>
    private static GatewayError? ReadNamed(ref Utf8JsonReader reader, string name, string kind, bool isEval, List<ObjectReference> found)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.String:
                return Add(ref reader, kind, name, found);
            case JsonTokenType.StartObject:
                return ReadValue(ref reader, name, isEval, found);
            case JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (Add(ref reader, kind, name, found) is { } refusal)
                    {
                        return refusal;
                    }
                }

                return null;
            default:
                return GatewayError.InvalidRequest($"'{name}' must be an id.", name);
        }
    }

    private static GatewayError? Add(ref Utf8JsonReader reader, string? kind, string member, List<ObjectReference> found)
    {
        if (reader.TokenType != JsonTokenType.String || reader.GetString() is not { Length: > 0 and <= Upstreams.UpstreamObject.LongestId } id)
        {
            return GatewayError.InvalidRequest($"'{Short(member)}' must be an id.", Short(member));
        }

        found.Add(new ObjectReference(kind, id, member));
        return found.Count <= MostReferences ? null : GatewayError.InvalidRequest("The body names too many objects.");
    }

    private static bool IsId(string name) =>
        name.EndsWith("_id", StringComparison.OrdinalIgnoreCase) || name.EndsWith("_ids", StringComparison.OrdinalIgnoreCase);

    private static string Short(string name) => name.Length <= LongestName ? name : name[..LongestName];
}
