using System.Runtime.InteropServices;
using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>What the cost of conversation items is bounded by.</summary>
internal readonly record struct ItemSize(long AudioChars, int Images, long ImageChars)
{
    public static ItemSize operator +(ItemSize one, ItemSize other) =>
        new(one.AudioChars + other.AudioChars, one.Images + other.Images, one.ImageChars + other.ImageChars);
}

/// <summary>
/// Reads the items that an app puts into a conversation. They bring their content along: what stands in the provider's
/// storage is another app's, for all that is known here, and a remote tool's words are only the provider's to write.
/// </summary>
internal static class ConversationItems
{
    public static (ItemSize Size, GatewayError? Refusal) ReadAll(JsonElement items, string param)
    {
        var size = default(ItemSize);
        if (items.ValueKind == JsonValueKind.Null)
        {
            return (size, null);
        }

        if (items.ValueKind != JsonValueKind.Array)
        {
            return (size, GatewayError.InvalidRequest($"'{param}' must be a list.", param));
        }

        foreach (var item in items.EnumerateArray())
        {
            var (one, refusal) = Read(item, param);
            if (refusal is not null)
            {
                return (size, refusal);
            }

            size += one;
        }

        return (size, null);
    }

    public static (ItemSize Size, GatewayError? Refusal) Read(JsonElement item, string param)
    {
        var size = default(ItemSize);
        if (item.ValueKind != JsonValueKind.Object)
        {
            return (size, GatewayError.InvalidRequest($"'{param}' must hold objects.", param));
        }

        var type = TypeOf(item);
        if (type is not ("message" or "function_call" or "function_call_output" or "item_reference"))
        {
            return (size, GatewayError.NotAllowed(param + ".type", "Only items of the types message, function_call, function_call_output and item_reference are forwarded."));
        }

        if (!item.TryGetProperty("content", out var content) || content.ValueKind != JsonValueKind.Array)
        {
            return (size, null);
        }

        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object || part.TryGetProperty("file_id", out _)
                || TypeOf(part) is not ("input_text" or "input_audio" or "input_image" or "text" or "audio" or "output_text" or "output_audio"))
            {
                return (size, GatewayError.NotAllowed(param + ".content", "Content may be text, sound or a picture that comes with the event, and nothing that is stored at the provider."));
            }

            size += new ItemSize(LengthOf(part, "audio"), TypeOf(part) == "input_image" ? 1 : 0, LengthOf(part, "image_url"));
        }

        return (size, null);
    }

    private static string? TypeOf(JsonElement element) =>
        element.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null;

    private static long LengthOf(JsonElement part, string name) =>
        part.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? JsonMarshal.GetRawUtf8Value(value).Length : 0;
}
