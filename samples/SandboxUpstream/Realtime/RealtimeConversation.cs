using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Realtime;

/// <summary>
/// One session: its settings, its items, and one response at a time beside those that belong to no conversation. Speech has
/// ended, for the sandbox, when a piece of sound is all zeros.
/// </summary>
internal sealed class RealtimeConversation(Call call, EventChannel channel, string model)
{
    private readonly SessionShape session = new(model);
    private readonly List<string> said = [];
    private readonly RealtimeResponses responses = new(call, channel);
    private long bufferedSound;
    private int items;

    public async Task RunAsync()
    {
        try
        {
            await channel.SendAsync("session.created", new() { ["session"] = session.ToJson() });
            while (await channel.ReceiveAsync() is { } text)
            {
                await TakeAsync(text);
            }

            await channel.CloseAsync(WebSocketCloseStatus.NormalClosure, "");
        }
        catch (WebSocketException)
        {
            call.Recording.CallerWentAway();
        }
    }

    private async Task TakeAsync(string text)
    {
        JsonObject? json = null;
        try
        {
            json = JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            // Answered below.
        }

        var id = json?["event_id"]?.GetValue<string>();
        switch (json?["type"]?.GetValue<string>())
        {
            case "session.update" when json["session"] is JsonObject change:
                if (session.Change(change) is { } wrong)
                {
                    await RefuseAsync(id, "invalid_value", wrong);
                    return;
                }

                await channel.SendAsync("session.updated", new() { ["session"] = session.ToJson() });
                return;
            case "conversation.item.create" when json["item"] is JsonObject item:
                var (words, sound) = Content(item);
                said.Add(words);
                responses.Hear(words, sound);
                await channel.SendAsync("conversation.item.added", new() { ["item"] = new JsonObject { ["id"] = NextItem(), ["type"] = "message" } });
                return;
            case "input_audio_buffer.append":
                await AppendAsync(Convert.FromBase64String(json["audio"]!.GetValue<string>()));
                return;
            case "input_audio_buffer.commit":
                await (bufferedSound == 0 ? RefuseAsync(id, "input_audio_buffer_commit_empty", "Error committing input audio buffer: the buffer is too small.") : CommitAsync());
                return;
            case "input_audio_buffer.clear":
                bufferedSound = 0;
                await channel.SendAsync("input_audio_buffer.cleared", []);
                return;
            case "response.create":
                await CreateAsync(json["response"] as JsonObject ?? [], id);
                return;
            case "response.cancel":
                responses.Cancel();
                return;
            default:
                await RefuseAsync(id, "invalid_event", "The sandbox does not know this event.");
                return;
        }
    }

    private Task CreateAsync(JsonObject response, string? id)
    {
        var isAside = response["conversation"]?.GetValue<string>() == "none";
        if (!isAside && responses.IsActive)
        {
            return RefuseAsync(id, "conversation_already_has_active_response", "Conversation already has an active response in progress.");
        }

        var most = response["max_output_tokens"] ?? session.MaxOutput;
        return responses.StartAsync(said.LastOrDefault() ?? "", isAside, session.Speaks(response), most?.GetValueKind() == JsonValueKind.Number ? most.GetValue<int>() : null);
    }

    private async Task AppendAsync(byte[] sound)
    {
        bufferedSound += sound.Length;
        if (session.Detects && sound.Length > 0 && !sound.AsSpan().ContainsAnyExcept((byte)0))
        {
            await CommitAsync();
            if (session.RespondsByItself && !responses.IsActive)
            {
                await responses.StartAsync("something spoken", false, session.Speaks([]), session.MaxOutput?.GetValueKind() == JsonValueKind.Number ? session.MaxOutput.GetValue<int>() : null);
            }
        }
    }

    private async Task CommitAsync()
    {
        var item = NextItem();
        var tokens = RealtimeResponses.TokensOfSound(bufferedSound);
        bufferedSound = 0;
        responses.Hear("", tokens);
        await channel.SendAsync("input_audio_buffer.committed", new() { ["item_id"] = item });
        if (session.Transcribes is { } by)
        {
            await channel.SendAsync("conversation.item.input_audio_transcription.completed", new()
            {
                ["item_id"] = item,
                ["content_index"] = 0,
                ["transcript"] = "something spoken",
                ["usage"] = by == "whisper-1"
                    ? new JsonObject { ["type"] = "duration", ["seconds"] = Math.Max(1, tokens / 10) }
                    : new JsonObject
                    {
                        ["type"] = "tokens",
                        ["total_tokens"] = tokens + 4,
                        ["input_tokens"] = tokens,
                        ["input_token_details"] = new JsonObject { ["text_tokens"] = 0, ["audio_tokens"] = tokens },
                        ["output_tokens"] = 4,
                    },
            });
        }
    }

    private Task RefuseAsync(string? id, string code, string message) => channel.SendAsync("error", new()
    {
        ["error"] = new JsonObject { ["type"] = "invalid_request_error", ["code"] = code, ["message"] = message, ["param"] = null, ["event_id"] = id },
    });

    private string NextItem() => $"item_{++items}";

    private static (string Words, int Sound) Content(JsonObject item)
    {
        var words = new StringBuilder();
        var sound = 0;
        foreach (var part in item["content"] as JsonArray ?? [])
        {
            words.Append(part?["text"]?.GetValue<string>());
            sound += part?["audio"] is { } audio ? RealtimeResponses.TokensOfSound(Convert.FromBase64String(audio.GetValue<string>()).Length) : 0;
        }

        return (words.ToString(), sound);
    }
}
