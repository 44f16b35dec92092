using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Walks what a model is told (messages, input, the items of a conversation) and the tools that it gets: counts what costs
/// more than its bytes, names what the provider would look up by its id, and refuses what has a cost that nobody can bound.
/// </summary>
internal static class RequestContent
{
    /// <summary>The kind of an item that came with a stored response: the provider finds it by its id alone, whosever response it is of.</summary>
    public const string StoredItem = "response_item";

    /// <param name="reader">At the value.</param>
    /// <param name="kind">What the call is.</param>
    /// <param name="request">Gets what was counted and named.</param>
    public static GatewayError? Read(ref Utf8JsonReader reader, OperationKind kind, CallRequest request)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return reader.TokenType is JsonTokenType.String or JsonTokenType.Null
                ? null
                : GatewayError.InvalidRequest("The input must be a text or a list.");
        }

        var depth = reader.CurrentDepth;
        var item = default(Item);
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == depth + 1)
            {
                if (item.IsAmbiguous)
                {
                    return GatewayError.InvalidRequest("An item has more than one 'id', 'type', 'role' or 'encrypted_content'.", "input");
                }

                if (item.IdToLookUp is { } id && Name(id, request) is { } refusal)
                {
                    return refusal;
                }

                if (kind == OperationKind.Message)
                {
                    CountBlock(item.Type, request);
                }

                item = default;
            }
            else if (reader.TokenType == JsonTokenType.PropertyName
                && (reader.CurrentDepth == depth + 2 ? ReadItemMember(ref reader, kind, request, ref item) : ReadMember(ref reader, kind, request)) is { } refusal)
            {
                return refusal;
            }
        }

        return null;
    }

    /// <param name="reader">At the value.</param>
    /// <param name="kind">What the call is.</param>
    public static GatewayError? ReadTools(ref Utf8JsonReader reader, OperationKind kind)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return reader.TokenType == JsonTokenType.Null ? null : GatewayError.InvalidRequest("'tools' must be a list.", "tools");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            string? type = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                reader.Read();
                if (isType && type is not null)
                {
                    return GatewayError.InvalidRequest("A tool has more than one 'type'.", "tools");
                }

                type = isType ? reader.GetString() : type;
                reader.Skip();
            }

            if (type is not ("function" or "custom") && !(type is null && kind == OperationKind.Message))
            {
                return GatewayError.NotPriced("tools", $"The tool '{type}' runs at the provider at a cost that this broker cannot bound yet. Only 'function' and 'custom' are forwarded.");
            }
        }

        return reader.TokenType == JsonTokenType.EndArray ? null : GatewayError.InvalidRequest("Each tool must be an object.", "tools");
    }

    /// <summary>A member of an item itself. Its value is left to be walked, unless it was read here.</summary>
    private static GatewayError? ReadItemMember(ref Utf8JsonReader reader, OperationKind kind, CallRequest request, ref Item item)
    {
        if (reader.ValueTextEquals("tools"u8))
        {
            // An item can bring tools along, which the model then has like any others.
            reader.Read();
            return ReadTools(ref reader, kind);
        }

        return item.Take(ref reader) ? null : ReadMember(ref reader, kind, request);
    }

    private static GatewayError? ReadMember(ref Utf8JsonReader reader, OperationKind kind, CallRequest request)
    {
        if (reader.ValueTextEquals("file_url"u8))
        {
            return GatewayError.NotAllowed("input", "Files at an address are not forwarded: send the content itself, or upload it.");
        }

        var isFile = reader.ValueTextEquals("file_id"u8);
        request.Images += isFile || reader.ValueTextEquals("image_url"u8) ? 1 : 0;
        request.HasFile |= isFile || reader.ValueTextEquals("file_data"u8) || reader.ValueTextEquals("video_url"u8);
        request.HasAudio |= reader.ValueTextEquals("input_audio"u8);
        if (kind == OperationKind.Message && reader.ValueTextEquals("type"u8) && reader.Read() && reader.TokenType == JsonTokenType.String)
        {
            CountBlock(reader.GetString(), request);
        }

        return null;
    }

    /// <summary>Counts a block of a message as Anthropic has them.</summary>
    private static void CountBlock(string? type, CallRequest request)
    {
        request.Images += type == "image" ? 1 : 0;
        request.HasFile |= type == "document";
    }

    private static GatewayError? Name(string id, CallRequest request)
    {
        if (id.Length is 0 or > UpstreamObject.LongestId)
        {
            return GatewayError.InvalidRequest("The 'id' of an item must be an id.", "input");
        }

        // What is stored comes in as well, and its length is not known here.
        request.HasFile = true;
        var named = request.Named();
        named.Add(new ObjectReference(StoredItem, id, "input"));
        return named.Count <= ReferenceReader.MostReferences ? null : GatewayError.InvalidRequest("The body names too many objects.");
    }

    /// <summary>What decides whether an item brings its content along, or is looked up at the provider.</summary>
    private struct Item
    {
        private string? _id;
        private bool _hasRole;
        private bool _isSealed;
        private int _seen;

        public string? Type { get; private set; }

        /// <summary>True where a member that decides stands here twice: parsers differ in which of them counts.</summary>
        public bool IsAmbiguous { get; private set; }

        /// <summary>
        /// The id by which the provider finds what the item itself does not bring; an item of no type is a reference as well.
        /// The ids of messages and of an app's own tools name what stands beside them.
        /// </summary>
        public readonly string? IdToLookUp => Type switch
        {
            null when _hasRole => null,
            "message" or "function_call" or "function_call_output" or "custom_tool_call" or "custom_tool_call_output" => null,
            "reasoning" or "compaction" when _isSealed => null,
            _ => _id,
        };

        /// <summary>Reads the value of a member that decides; one that is null is as good as left out.</summary>
        /// <returns>False for any other member, whose value was not read.</returns>
        public bool Take(ref Utf8JsonReader reader)
        {
            var member = reader.ValueTextEquals("id"u8) ? 1 : reader.ValueTextEquals("type"u8) ? 2 : reader.ValueTextEquals("role"u8) ? 4 : reader.ValueTextEquals("encrypted_content"u8) ? 8 : 0;
            if (member == 0)
            {
                return false;
            }

            reader.Read();
            IsAmbiguous |= (_seen & member) != 0;
            _seen |= member;
            switch (member)
            {
                case 1:
                    _id = reader.GetString();
                    break;
                case 2:
                    Type = reader.GetString();
                    break;
                case 4:
                    _hasRole = reader.TokenType != JsonTokenType.Null;
                    break;
                default:
                    // It is long, and of no interest but for its being there.
                    _isSealed = reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length > 0;
                    break;
            }

            return true;
        }
    }
}
