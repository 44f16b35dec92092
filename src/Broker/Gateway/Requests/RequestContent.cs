using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Walks what a model is told (messages, input, the items of a conversation) and the tools that it gets: counts what costs
/// more than its bytes, and refuses what has a cost that nobody can bound, or belongs to nobody who is known here.
/// </summary>
internal static class RequestContent
{
    /// <param name="reader">At the value.</param>
    /// <param name="kind">What the call is.</param>
    /// <param name="request">Gets what was counted.</param>
    public static GatewayError? Read(ref Utf8JsonReader reader, OperationKind kind, CallRequest request)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return reader.TokenType is JsonTokenType.String or JsonTokenType.Null
                ? null
                : GatewayError.InvalidRequest("The input must be a text or a list.");
        }

        var depth = reader.CurrentDepth;
        var (hasId, hasType) = (false, false);
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == depth + 1)
            {
                // An item that is named by its id alone is a reference too: 'type' may be left out of one.
                if (hasId && !hasType)
                {
                    return StoredItem;
                }

                (hasId, hasType) = (false, false);
            }
            else if (reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("file_url"u8))
                {
                    return GatewayError.NotAllowed("input", "Files at an address are not forwarded: send the content itself, or upload it.");
                }

                var ofItem = reader.CurrentDepth == depth + 2;
                if (ofItem && reader.ValueTextEquals("tools"u8))
                {
                    // An item can bring tools along, which the model then has like any others.
                    reader.Read();
                    if (ReadTools(ref reader, kind) is { } refusal)
                    {
                        return refusal;
                    }

                    continue;
                }

                var isType = reader.ValueTextEquals("type"u8);
                hasId |= ofItem && reader.ValueTextEquals("id"u8);
                var isFile = reader.ValueTextEquals("file_id"u8);
                request.Images += isFile || reader.ValueTextEquals("image_url"u8) ? 1 : 0;
                request.HasFile |= isFile || reader.ValueTextEquals("file_data"u8) || reader.ValueTextEquals("video_url"u8);
                request.HasAudio |= reader.ValueTextEquals("input_audio"u8);
                if (isType || (ofItem && reader.ValueTextEquals("role"u8)))
                {
                    // One that is null is as good as left out.
                    hasType |= reader.Read() && ofItem && reader.TokenType != JsonTokenType.Null;
                    if (isType && reader.TokenType == JsonTokenType.String && ReadType(ref reader, kind, request) is { } refusal)
                    {
                        return refusal;
                    }
                }
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

    /// <summary>The provider finds an item by its id alone, whosever response or conversation it is of.</summary>
    private static GatewayError StoredItem { get; } =
        GatewayError.NotAllowed("input", "Items that the provider stores are not forwarded by their ids: send the content itself, or name the response or conversation that they are of.");

    private static GatewayError? ReadType(ref Utf8JsonReader reader, OperationKind kind, CallRequest request)
    {
        if (kind == OperationKind.Message)
        {
            request.Images += reader.ValueTextEquals("image"u8) ? 1 : 0;
            request.HasFile |= reader.ValueTextEquals("document"u8);
        }

        // A picture that was generated is sent back by its id; no app generates one in a response here.
        return reader.ValueTextEquals("item_reference"u8) || reader.ValueTextEquals("image_generation_call"u8) ? StoredItem : null;
    }
}
