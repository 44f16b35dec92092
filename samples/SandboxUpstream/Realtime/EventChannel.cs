using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Realtime;

/// <summary>Events as text messages. Every one that comes is in the journal; one that goes may be cut into frames.</summary>
internal sealed class EventChannel(WebSocket socket, Call call) : IDisposable
{
    private readonly SemaphoreSlim sending = new(1);
    private int sent;

    /// <summary>The next event; null when the caller has closed.</summary>
    public async Task<string?> ReceiveAsync()
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), call.Ended);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
            {
                var text = Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length);
                call.Recording.EventReceived(part.MessageType == WebSocketMessageType.Binary ? "(binary)" : text);
                return text;
            }
        }
    }

    public async Task SendAsync(string type, JsonObject members)
    {
        var number = Interlocked.Increment(ref sent);
        var json = new JsonObject { ["type"] = type, ["event_id"] = $"event_{number}" };
        foreach (var (name, value) in members.ToList())
        {
            members.Remove(name);
            json[name] = value;
        }

        await SendAsync(Encoding.UTF8.GetBytes(json.ToJsonString()));
    }

    /// <summary>Sends text in two frames, split anywhere: even inside a word.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> text)
    {
        await sending.WaitAsync(call.Ended);
        try
        {
            var middle = text.Length / 2;
            await socket.SendAsync(text[..middle], WebSocketMessageType.Text, endOfMessage: false, call.Ended);
            await socket.SendAsync(text[middle..], WebSocketMessageType.Text, endOfMessage: true, call.Ended);
            call.Recording.EventWritten();
        }
        finally
        {
            sending.Release();
        }
    }

    public void Dispose() => sending.Dispose();

    public Task SendBinaryAsync() => socket.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, call.Ended);

    /// <summary>Answers the caller's goodbye, or says the sandbox's own.</summary>
    public async Task CloseAsync(WebSocketCloseStatus status, string reason)
    {
        call.Recording.Answered();
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
        {
            await socket.CloseOutputAsync(status, reason, call.Ended);
        }
    }
}
