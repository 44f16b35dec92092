using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Realtime;

/// <summary>An app's side of a session, as any WebSocket client would hold it.</summary>
public sealed class AppSocket : IDisposable
{
    public const string Scope = "openai:realtime offline_access";
    public const string Path = "/realtime?model=gpt-realtime";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly CancellationTokenSource _limit = new(Patience);

    private AppSocket(Connected connected, ClientWebSocket socket) => (Connected, Socket) = (connected, socket);

    public Connected Connected { get; }

    public ClientWebSocket Socket { get; }

    /// <summary>Opens a session for <paramref name="connected"/> and reads the provider's first event.</summary>
    public static async Task<AppSocket> OpenAsync(Connected connected, string path = Path, bool respondsByItself = false)
    {
        var app = await ConnectAsync(connected, path);
        (await app.NextAsync()).GetProperty("type").GetString().Should().Be("session.created");
        if (!respondsByItself)
        {
            await app.SendAsync("""{"type":"session.update","session":{"type":"realtime","output_modalities":["text"],"max_output_tokens":1000,"audio":{"input":{"turn_detection":null}}}}""");
            await app.UntilAsync("session.updated");
        }

        return app;
    }

    public static async Task<AppSocket> ConnectAsync(Connected connected, string path = Path, Action<ClientWebSocket>? prepare = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (prepare is null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + connected.Tokens.AccessToken);
        }

        prepare?.Invoke(socket);
        var app = new AppSocket(connected, socket);
        await socket.ConnectAsync(new Uri("ws" + connected.Host.Address["http".Length..] + "/openai/v1" + path), app._limit.Token);
        return app;
    }

    public Task SendAsync(string json) => Socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, _limit.Token);

    public Task SayAsync(string text) => SendAsync(
        "{\"type\":\"conversation.item.create\",\"item\":{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"" + text + "\"}]}}");

    public async Task<JsonElement> AskAsync(string text)
    {
        await SayAsync(text);
        await SendAsync("""{"type":"response.create"}""");
        return await UntilAsync("response.done");
    }

    /// <summary>The next event; undefined where the socket was closed or broke.</summary>
    public async Task<JsonElement> NextAsync()
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            ValueWebSocketReceiveResult part;
            try
            {
                part = await Socket.ReceiveAsync(buffer.AsMemory(), _limit.Token);
            }
            catch (WebSocketException)
            {
                return default;
            }

            if (part.MessageType == WebSocketMessageType.Close)
            {
                return default;
            }

            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
            {
                return JsonDocument.Parse(message.ToArray()).RootElement;
            }
        }
    }

    public async Task<JsonElement> UntilAsync(string type)
    {
        var seen = new StringBuilder();
        while (true)
        {
            var next = await NextAsync();
            next.ValueKind.Should().Be(JsonValueKind.Object, "'{0}' must come, and not the end after {1}", type, seen);
            if (next.GetProperty("type").GetString() == type)
            {
                return next;
            }

            seen.Append(next.GetRawText());
        }
    }

    /// <summary>Everything to the end, which must come.</summary>
    public async Task<List<JsonElement>> RestAsync()
    {
        var rest = new List<JsonElement>();
        while (await NextAsync() is { ValueKind: JsonValueKind.Object } next)
        {
            rest.Add(next);
        }

        return rest;
    }

    /// <summary>The session as the provider has it.</summary>
    public Task<Exchange> ReceivedAsync(Func<Exchange, bool>? fits = null) => Connected.Host.Journal.WaitForAsync(
        e => e.Key == Connected.Key && e.Path == "/v1/realtime" && (fits is null || fits(e)), Patience);

    public void Dispose()
    {
        Socket.Dispose();
        _limit.Dispose();
    }
}
