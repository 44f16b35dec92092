using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>
/// Judges the app's events. Only documented ones pass, each read whole: no name may appear twice anywhere, so that the
/// provider's parser cannot see another model or tool than this one did, and what is not understood is refused.
/// </summary>
internal sealed class ClientEvents(SessionTerms terms)
{
    private const int LongestId = 200;

    /// <summary>From this length on an event is sound or a picture: few parts, one of them long.</summary>
    private const int LongEvent = 256 * 1024;
    private const int MostPartsOfLongEvent = 50_000;
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };
    private readonly SessionMembers _members = new(terms);

    /// <returns>The event, or the refusal and the event's id where it has one.</returns>
    public (ClientEvent? Event, GatewayError? Refusal, string? EventId) Read(ReadOnlyMemory<byte> message)
    {
        JsonDocument document;
        try
        {
            if (message.Length > LongEvent && HasTooManyParts(message.Span))
            {
                return (null, GatewayError.InvalidRequest("So long an event may have sound or pictures, and not so many parts."), null);
            }

            document = JsonDocument.Parse(message, s_strict);
        }
        catch (JsonException)
        {
            return (null, GatewayError.InvalidRequest("The event is not JSON in which each name appears once."), null);
        }

        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "type") is not { } type)
            {
                return (null, GatewayError.InvalidRequest("The event must be an object with a 'type'.", "type"), null);
            }

            var id = Text(root, "event_id");
            if ((id is null && root.TryGetProperty("event_id", out var other) && other.ValueKind != JsonValueKind.Null) || id is { Length: > LongestId })
            {
                return (null, GatewayError.InvalidRequest($"'event_id' must be text of at most {LongestId} characters.", "event_id"), null);
            }

            var (read, refusal) = Read(root, new ClientEvent(type, id), message.Length);
            return (read, refusal, id);
        }
    }

    private (ClientEvent? Event, GatewayError? Refusal) Read(JsonElement root, ClientEvent named, long length)
    {
        switch (named.Type)
        {
            case "session.update":
                var (change, notAllowed) = root.TryGetProperty("session", out var session)
                    ? _members.ReadSession(session)
                    : (null, GatewayError.InvalidRequest("'session' is missing.", "session"));
                return change is null ? (null, notAllowed) : (named with { Change = change, TextBytes = length }, null);
            case ClientEvent.CreateResponse:
                return ReadResponse(root, named, length);
            case "input_audio_buffer.append":
                return root.TryGetProperty("audio", out var audio) && audio.ValueKind == JsonValueKind.String
                    ? (named with { AudioChars = length }, null)
                    : (null, GatewayError.InvalidRequest("'audio' must be text in base64.", "audio"));
            case "conversation.item.create":
                if (!root.TryGetProperty("item", out var item))
                {
                    return (null, GatewayError.InvalidRequest("'item' is missing.", "item"));
                }

                var (size, refusal) = ConversationItems.Read(item, "item");
                return refusal is not null ? (null, refusal) : (Sized(named, size, length), null);
            case "input_audio_buffer.commit" or "input_audio_buffer.clear" or "output_audio_buffer.clear" or "response.cancel"
                or "conversation.item.retrieve" or "conversation.item.truncate" or "conversation.item.delete":
                return (named, null);
            default:
                return (null, GatewayError.NotAllowed("type", $"'{Shown(named.Type)}' is not an event that this broker forwards."));
        }
    }

    /// <summary>What a document is read into grows with its parts, not with its bytes.</summary>
    private static bool HasTooManyParts(ReadOnlySpan<byte> message)
    {
        var reader = new Utf8JsonReader(message, new JsonReaderOptions { MaxDepth = s_strict.MaxDepth });
        var parts = 0;
        while (parts <= MostPartsOfLongEvent && reader.Read())
        {
            parts++;
        }

        return parts > MostPartsOfLongEvent;
    }

    private (ClientEvent? Event, GatewayError? Refusal) ReadResponse(JsonElement root, ClientEvent named, long length)
    {
        if (!root.TryGetProperty("response", out var response) || response.ValueKind == JsonValueKind.Null)
        {
            return (named, null);
        }

        var (ask, refusal) = _members.ReadResponse(response);
        return ask is null
            ? (null, refusal)
            : (Sized(named with { IsAside = ask.IsAside, MaxOutput = ask.MaxOutput }, ask.Size, length), null);
    }

    /// <summary>What is neither sound nor a picture may be text.</summary>
    private static ClientEvent Sized(ClientEvent named, ItemSize size, long length) => named with
    {
        TextBytes = Math.Max(0, length - size.AudioChars - size.ImageChars),
        AudioChars = size.AudioChars,
        Images = size.Images,
    };

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64];
}
