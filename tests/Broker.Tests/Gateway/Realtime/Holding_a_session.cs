using System.ClientModel;
using System.Net.WebSockets;
using System.Text.Json;
using OpenAI.Realtime;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Realtime;

/// <summary>A session from the handshake to the goodbye, as the app and the provider see it.</summary>
public sealed class Holding_a_session(SharedBroker shared)
{
    private Task<Connected> ConnectedAsync() => Connected.AsAsync(shared.Host, AppSocket.Scope);

    [Fact]
    public async Task Answers_what_is_asked()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.OpenAsync(connected);

        await app.SayAsync("Hello");
        await app.SendAsync("""{"type":"response.create"}""");

        var text = "";
        JsonElement next;
        while ((next = await app.NextAsync()).GetProperty("type").GetString() != "response.done")
        {
            text += next.GetProperty("type").GetString() == "response.output_text.delta" ? next.GetProperty("delta").GetString() : "";
        }

        text.Should().Be(Reply.To("Hello"));
        next.GetProperty("response").GetProperty("status").GetString().Should().Be("completed");
    }

    [Fact]
    [Trait("Checklist", "20")]
    public async Task Gives_the_provider_the_key_the_model_and_nothing_of_the_apps_request()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.ConnectAsync(connected, prepare: socket =>
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + connected.Tokens.AccessToken);
            socket.Options.SetRequestHeader("OpenAI-Beta", "realtime=v1");
            socket.Options.SetRequestHeader("OpenAI-Organization", "org-other");
            socket.Options.SetRequestHeader("Cookie", "a=b");
            socket.Options.SetRequestHeader("X-Forwarded-For", "192.0.2.1");
            socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
            socket.Options.AddSubProtocol("realtime");
        });
        await app.NextAsync();

        var received = await app.ReceivedAsync();

        received.Target.Should().Be("/v1/realtime?model=gpt-realtime");
        received.Headers.Select(h => h.Key).Should().BeEquivalentTo(
            "Host", "Connection", "Upgrade", "Authorization", "User-Agent", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol");
        received.Header("Sec-WebSocket-Protocol").Should().Be("realtime");
        received.Header("User-Agent").Should().Be("TokenBroker");
    }

    [Fact]
    public async Task Sends_a_beta_header_where_the_operator_wants_one()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:Realtime:Beta"] = "realtime=v1" });
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);

        (await app.ReceivedAsync()).Header("OpenAI-Beta").Should().Be("realtime=v1");
    }

    [Fact]
    public async Task Accepts_no_compression()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.ConnectAsync(connected, prepare: socket =>
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + connected.Tokens.AccessToken);
            socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        });

        app.Socket.HttpResponseHeaders!.Keys.Should().NotContain(name => name.Equals("Sec-WebSocket-Extensions", StringComparison.OrdinalIgnoreCase));
        app.Socket.HttpResponseHeaders!.Keys.Should().Contain("TokenBroker-Request-Id").And.NotContain("Set-Cookie").And.NotContain("openai-organization");
        app.Socket.SubProtocol.Should().BeNull("none was offered");
    }

    [Fact]
    public async Task Takes_a_browsers_token_from_the_subprotocols_and_answers_realtime_alone()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.ConnectAsync(connected, prepare: socket =>
        {
            socket.Options.AddSubProtocol("realtime");
            socket.Options.AddSubProtocol("openai-insecure-api-key." + connected.Tokens.AccessToken);
            socket.Options.AddSubProtocol("openai-beta.realtime-v1");
        });
        await app.NextAsync();

        app.Socket.SubProtocol.Should().Be("realtime");
        (await app.ReceivedAsync()).Headers.Should().NotContain(h => h.Value.Contains(connected.Tokens.AccessToken, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Takes_a_bound_token_with_its_proof_and_never_without()
    {
        var prover = new Prover(shared.Host);
        using var person = await Person.WithKeyAsync(shared.Host, BrokerHost.NewKey());
        var token = (await (await prover.AppAsync()).ConnectAsync(person, "openai:realtime openai:models offline_access")).AccessToken;
        using (var known = await prover.CallAsync(token))
        {
            known.StatusCode.Should().Be(System.Net.HttpStatusCode.OK);
        }

        var proof = prover.Draft("GET", "/openai/v1/realtime", prover.GatewayNonce, token).ToString();
        using var proven = await TryAsync(socket => With(socket, "DPoP " + token, proof));
        using var replayed = await TryAsync(socket => With(socket, "DPoP " + token, proof));
        using var bare = await TryAsync(socket => With(socket, "Bearer " + token, null));
        using var inSubprotocol = await TryAsync(socket =>
        {
            socket.Options.AddSubProtocol("realtime");
            socket.Options.AddSubProtocol("openai-insecure-api-key." + token);
        });

        proven.State.Should().Be(WebSocketState.Open);
        replayed.HttpStatusCode.Should().Be(System.Net.HttpStatusCode.Unauthorized);
        bare.HttpStatusCode.Should().Be(System.Net.HttpStatusCode.Unauthorized);
        inSubprotocol.HttpStatusCode.Should().Be(System.Net.HttpStatusCode.Unauthorized);
    }

#pragma warning disable OPENAI002 // The client marks its Realtime API as one that may change.
    [Fact]
    public async Task Serves_the_providers_own_dotnet_client()
    {
        using var connected = await ConnectedAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var client = new RealtimeClient(
            new ApiKeyCredential(connected.Tokens.AccessToken), new RealtimeClientOptions { Endpoint = new Uri(shared.Host.Address + "/openai/v1") });
        using var session = await client.StartConversationSessionAsync("gpt-realtime", cancellationToken: limit.Token);
        await session.ConfigureConversationSessionAsync(new RealtimeConversationSessionOptions { OutputModalities = { RealtimeOutputModality.Text } }, limit.Token);
        await session.AddItemAsync(RealtimeItem.CreateUserMessageItem("Hello"), limit.Token);
        await session.StartResponseAsync(limit.Token);

        var text = "";
        await foreach (var update in session.ReceiveUpdatesAsync(limit.Token))
        {
            update.Should().NotBeOfType<RealtimeServerUpdateError>();
            text += update is RealtimeServerUpdateResponseOutputTextDelta delta ? delta.Delta : "";
            if (update is RealtimeServerUpdateResponseDone)
            {
                break;
            }
        }

        text.Should().Be(Reply.To("Hello"));
    }
#pragma warning restore OPENAI002

    [Fact]
    public async Task Passes_events_of_megabytes_in_many_frames()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.OpenAsync(connected);
        var sound = "{\"type\":\"input_audio_buffer.append\",\"audio\":\"" + Convert.ToBase64String(new byte[3_000_000]) + "\"}";
        var bytes = System.Text.Encoding.UTF8.GetBytes(sound);
        for (var at = 0; at < bytes.Length; at += 700_001)
        {
            var length = Math.Min(700_001, bytes.Length - at);
            await app.Socket.SendAsync(bytes.AsMemory(at, length), WebSocketMessageType.Text, at + length == bytes.Length, CancellationToken.None);
        }

        await app.SendAsync("""{"type":"input_audio_buffer.clear"}""");
        await app.UntilAsync("input_audio_buffer.cleared");

        (await app.ReceivedAsync()).EventsReceived.Should().Contain(sound);
    }

    [Fact]
    public async Task Ends_for_the_provider_when_the_app_says_goodbye()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.OpenAsync(connected);

        await app.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        (await app.ReceivedAsync(e => e.Finished)).Cancelled.Should().BeFalse("the provider was told goodbye");
    }

    [Fact]
    public async Task Ends_for_the_app_when_the_provider_closes_with_its_code_and_without_its_words()
    {
        using var connected = await ConnectedAsync();
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync("[[fault:end_early]]");
        await app.SendAsync("""{"type":"response.create"}""");

        await app.RestAsync();

        ((int?)app.Socket.CloseStatus).Should().Be(3000);
        app.Socket.CloseStatusDescription.Should().BeNullOrEmpty("the provider's words can quote the key");
    }

    private static void With(ClientWebSocket socket, string authorization, string? proof)
    {
        socket.Options.SetRequestHeader("Authorization", authorization);
        if (proof is not null)
        {
            socket.Options.SetRequestHeader("DPoP", proof);
        }
    }

    private async Task<ClientWebSocket> TryAsync(Action<ClientWebSocket> prepare)
    {
        var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        prepare(socket);
        try
        {
            await socket.ConnectAsync(new Uri("ws" + shared.Host.Address["http".Length..] + "/openai/v1" + AppSocket.Path), CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // The status tells.
        }

        return socket;
    }
}
