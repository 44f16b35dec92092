using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Realtime;

/// <summary>
/// Makes responses, in words or in sound. The usage counts like the provider's: everything that was heard or answered
/// before is input, as much of it as the last response had is cached, and the details of the cached part are told too.
/// </summary>
internal sealed class RealtimeResponses(Call call, EventChannel channel)
{
    /// <summary>One piece of answered sound: a tenth of a second of PCM.</summary>
    private static readonly string PieceOfSound = Convert.ToBase64String(new byte[4_800]);

    private CancellationTokenSource? active;
    private int textTokens = 10;
    private int audioTokens;
    private (int Text, int Audio) cached;
    private int responses;

    public bool IsActive => active is not null;

    /// <summary>Tokens of sound that was said: ten a second.</summary>
    public static int TokensOfSound(long bytes) => (int)((bytes + 4_799) / 4_800);

    public void Hear(string words, int sound)
    {
        textTokens += TokenCount.Of(words);
        audioTokens += sound;
    }

    public void Cancel() => active?.Cancel();

    public async Task StartAsync(string asked, bool isAside, bool speaks, int? most)
    {
        var id = $"resp_{++responses}";
        var words = MagicWords.In(Encoding.UTF8.GetBytes(asked));
        var cancelled = new CancellationTokenSource();
        active = isAside ? active : cancelled;
        await channel.SendAsync("response.created", new() { ["response"] = Shape(id, isAside, "in_progress", null) });

        // The session goes on listening meanwhile.
        _ = SpeakAsync(id, asked, words, isAside, speaks, most, cancelled);
    }

    private static JsonObject Shape(string id, bool isAside, string status, JsonObject? usage) => new()
    {
        ["object"] = "realtime.response",
        ["id"] = id,
        ["status"] = status,
        ["conversation_id"] = isAside ? null : "conv_sandbox",
        ["usage"] = usage,
    };

    private async Task SpeakAsync(string id, string asked, MagicWords words, bool isAside, bool speaks, int? most, CancellationTokenSource cancelled)
    {
        try
        {
            var pieces = Reply.Pieces(words.Events is { } events ? Reply.Of(events) : Reply.To(asked)).ToList();
            var spoken = 0;
            foreach (var piece in pieces.TakeWhile(_ => most is null || spoken < most))
            {
                if (cancelled.IsCancellationRequested || await FaultAsync(words, spoken))
                {
                    break;
                }

                await channel.SendAsync(
                    speaks ? "response.output_audio.delta" : "response.output_text.delta",
                    new() { ["response_id"] = id, ["item_id"] = "item_answer", ["delta"] = speaks ? PieceOfSound : piece });
                spoken++;
                await call.PauseAsync(words.Delay ?? TimeSpan.Zero);
            }

            var usage = words.Faults.Any(fault => fault.Kind == FaultKind.NoUsage) ? null : Usage(speaks, spoken);
            var status = cancelled.IsCancellationRequested ? "cancelled" : spoken < pieces.Count ? "incomplete" : "completed";
            active = isAside ? active : null;
            await channel.SendAsync("response.done", new() { ["response"] = Shape(id, isAside, status, usage) });
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The caller went away.
        }
        finally
        {
            cancelled.Dispose();
        }
    }

    /// <returns>True where the response ends here.</returns>
    private async Task<bool> FaultAsync(MagicWords words, int spoken)
    {
        if (words.Faults.FirstOrDefault() is not { } fault || spoken < fault.AfterEvents)
        {
            return false;
        }

        switch (fault.Kind)
        {
            case FaultKind.StallMidStream:
                await call.StallAsync();
                break;
            case FaultKind.EchoKey:
                await channel.SendAsync("response.output_text.delta", new() { ["response_id"] = "resp", ["delta"] = call.Recording.Key });
                break;
            case FaultKind.MalformedJson:
                await channel.SendAsync("{\"type\":"u8.ToArray());
                break;
            case FaultKind.Gzip:
                await channel.SendBinaryAsync();
                break;
            case FaultKind.Drop:
                call.Recording.Answered();
                call.Context.Abort();
                return true;
            case FaultKind.EndEarly:
                await channel.CloseAsync((WebSocketCloseStatus)3000, "the sandbox says " + call.Recording.Key);
                return true;
        }

        return false;
    }

    private JsonObject Usage(bool speaks, int spoken)
    {
        var (text, audio) = (textTokens, audioTokens);
        var usage = new JsonObject
        {
            ["total_tokens"] = text + audio + spoken,
            ["input_tokens"] = text + audio,
            ["output_tokens"] = spoken,
            ["input_token_details"] = new JsonObject
            {
                ["text_tokens"] = text,
                ["audio_tokens"] = audio,
                ["image_tokens"] = 0,
                ["cached_tokens"] = cached.Text + cached.Audio,
                ["cached_tokens_details"] = new JsonObject { ["text_tokens"] = cached.Text, ["audio_tokens"] = cached.Audio, ["image_tokens"] = 0 },
            },
            ["output_token_details"] = new JsonObject { ["text_tokens"] = speaks ? 0 : spoken, ["audio_tokens"] = speaks ? spoken : 0 },
        };
        cached = (text, audio);
        textTokens += speaks ? 0 : spoken;
        audioTokens += speaks ? spoken : 0;
        return usage;
    }
}
