using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What the gateway needs of an event of the provider's. It is passed on as it came.</summary>
internal sealed record ServerEvent(string Type)
{
    public string? ResponseId { get; init; }

    /// <summary>True for a response that stands beside the conversation.</summary>
    public bool IsAside { get; init; }

    /// <summary>The item that a transcript or a committed buffer is of.</summary>
    public string? ItemId { get; init; }

    /// <summary>The event of the app's that an error answers.</summary>
    public string? Answers { get; init; }

    /// <summary>Null where the provider reports none; an explicit zero is zero.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>The session's settings, where the event states them.</summary>
    public SessionChange? Session { get; init; }

    /// <summary>Bytes of a piece of an answer.</summary>
    public long DeltaBytes { get; init; }

    public bool IsAudioDelta => Type is "response.output_audio.delta" or "response.audio.delta";

    /// <returns>Null where the bytes are no event.</returns>
    public static ServerEvent? Read(ReadOnlyMemory<byte> message)
    {
        try
        {
            using var document = JsonDocument.Parse(message, new JsonDocumentOptions { MaxDepth = 128 });
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object && Text(root, "type") is { } type ? Read(root, new ServerEvent(type), message.Length) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ServerEvent Read(JsonElement root, ServerEvent named, int length)
    {
        switch (named.Type)
        {
            case "session.created" or "session.updated":
                return Member(root, "session") is { } session ? named with { Session = ReadSession(session) } : named;
            case "response.created" or "response.done":
                var response = Member(root, "response");
                return response is not { } of ? named : named with
                {
                    ResponseId = Text(of, "id"),
                    IsAside = !of.TryGetProperty("conversation_id", out var conversation) || conversation.ValueKind == JsonValueKind.Null,
                    Usage = Member(of, "usage") is { } usage ? UsageReader.Read(usage, UsageShape.OpenAi, OperationKind.Realtime) : null,
                };
            case "conversation.item.input_audio_transcription.completed":
                return named with { ItemId = Text(root, "item_id"), Usage = Member(root, "usage") is { } heard ? UsageReader.Read(heard, UsageShape.OpenAi, OperationKind.Transcription) : null };
            case "conversation.item.input_audio_transcription.failed" or "input_audio_buffer.committed":
                return named with { ItemId = Text(root, "item_id") };
            case "error":
                return named with { Answers = Member(root, "error") is { } error ? Text(error, "event_id") : null };
            default:
                return named.Type.EndsWith(".delta", StringComparison.Ordinal)
                    ? named with { ResponseId = Text(root, "response_id"), DeltaBytes = length }
                    : named;
        }
    }

    private static SessionChange ReadSession(JsonElement session)
    {
        // What is not said is taken for the dearest: it responds by itself, without a limit.
        var input = Member(session, "audio") is { } audio ? Member(audio, "input") : null;
        var detection = input is { } i && i.TryGetProperty("turn_detection", out var current) ? current
            : session.TryGetProperty("turn_detection", out var older) ? older
            : (JsonElement?)null;
        var transcription = (input is { } of ? Member(of, "transcription") : null) ?? Member(session, "input_audio_transcription");
        var most = Number(session, "max_output_tokens") ?? Number(session, "max_response_output_tokens") ?? long.MaxValue;
        return new SessionChange(detection is null || SessionMembers.RespondsByItself(detection.Value), most, transcription is { } named ? Text(named, "model") ?? "" : "");
    }

    private static JsonElement? Member(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;
}
