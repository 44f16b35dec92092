using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Realtime;

/// <summary>Somebody with an open session, for the tests that leave it as it is.</summary>
public sealed class OpenSessionOfSomebody(SharedBroker shared) : IAsyncLifetime
{
    private Connected _connected = null!;

    public AppSocket App { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _connected = await Connected.AsAsync(shared.Host, AppSocket.Scope, models: "gpt-realtime gpt-4o-mini whisper-1");
        App = await AppSocket.OpenAsync(_connected);
    }

    public ValueTask DisposeAsync()
    {
        App.Dispose();
        _connected.Dispose();
        return default;
    }
}

/// <summary>Checklist 27 on a session: what is not understood is not passed on. The app is told, and the session goes on.</summary>
[Trait("Checklist", "27")]
public sealed class Refusing_an_event(OpenSessionOfSomebody open) : IClassFixture<OpenSessionOfSomebody>
{
    private AppSocket App => open.App;

    [Theory]
    [InlineData("\"model\":\"gpt-realtime-mini\"", "model_not_allowed")]
    [InlineData("\"model\":\"gpt-4o-mini\"", "model_not_allowed")]
    [InlineData("\"model\":\"GPT-realtime\"", "model_not_allowed")]
    [InlineData("\"model\":null", "model_not_allowed")]
    [InlineData("\"model\":[\"gpt-realtime\"]", "model_not_allowed")]
    [InlineData("\"model\":\"gpt-realtime\",\"model\":\"gpt-realtime-mini\"", "invalid_request")]
    [InlineData("\"model\":\"gpt-realtime\",\"\\u006dodel\":\"gpt-realtime-mini\"", "invalid_request")]
    [InlineData("\"type\":\"transcription\"", "operation_not_allowed")]
    [InlineData("\"tools\":[{\"type\":\"mcp\",\"server_label\":\"a\",\"server_url\":\"https://elsewhere.example\"}]", "operation_not_allowed")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"web_search\"}]", "operation_not_allowed")]
    [InlineData("\"tools\":[{\"name\":\"f\"}]", "operation_not_allowed")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"type\":\"mcp\"}]", "invalid_request")]
    [InlineData("\"prompt\":{\"id\":\"pmpt_1\"}", "operation_not_allowed")]
    [InlineData("\"tracing\":\"auto\"", "operation_not_allowed")]
    [InlineData("\"voice\":{\"id\":\"voice_1\"}", "operation_not_allowed")]
    [InlineData("\"audio\":{\"output\":{\"voice\":{\"id\":\"voice_1\"}}}", "operation_not_allowed")]
    [InlineData("\"something_new\":1", "operation_not_allowed")]
    [InlineData("\"max_output_tokens\":-1", "invalid_request")]
    [InlineData("\"max_output_tokens\":\"many\"", "invalid_request")]
    [InlineData("\"audio\":{\"input\":{\"transcription\":{\"model\":\"gpt-4o-transcribe\"}}}", "model_not_allowed")]
    [InlineData("\"audio\":{\"input\":{\"transcription\":{\"model\":\"gpt-realtime\",\"model\":\"whisper-1\"}}}", "invalid_request")]
    [InlineData("\"audio\":{\"input\":{\"transcription\":{}}}", "model_not_allowed")]
    [InlineData("\"audio\":{\"input\":{\"something_new\":1}}", "operation_not_allowed")]
    [InlineData("\"audio\":{\"else\":1}", "operation_not_allowed")]
    [InlineData("\"input_audio_transcription\":{\"model\":\"gpt-4o-transcribe\"}", "model_not_allowed")]
    public Task That_sets_what_the_session_may_not_have(string member, string code) =>
        RefusedAsync("{\"type\":\"session.update\",\"session\":{" + (member.StartsWith("\"type\"", StringComparison.Ordinal) ? "" : "\"type\":\"realtime\",") + member + "}}", code);

    [Theory]
    [InlineData("\"model\":\"gpt-realtime-mini\"", "model_not_allowed")]
    [InlineData("\"conversation\":\"conv_1\"", "operation_not_allowed")]
    [InlineData("\"conversation\":\"none\",\"conversation\":\"auto\"", "invalid_request")]
    [InlineData("\"prompt\":{\"id\":\"pmpt_1\"}", "operation_not_allowed")]
    [InlineData("\"tools\":[{\"type\":\"mcp\"}]", "operation_not_allowed")]
    [InlineData("\"audio\":{\"input\":{}}", "operation_not_allowed")]
    [InlineData("\"audio\":{\"output\":{\"voice\":{\"id\":\"voice_1\"}}}", "operation_not_allowed")]
    [InlineData("\"max_output_tokens\":1,\"max_output_tokens\":4096", "invalid_request")]
    [InlineData("\"input\":[{\"type\":\"mcp_approval_response\",\"approve\":true}]", "operation_not_allowed")]
    [InlineData("\"input\":[{\"type\":\"message\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"file-1\"}]}]", "operation_not_allowed")]
    [InlineData("\"store\":true", "operation_not_allowed")]
    public Task That_asks_for_a_response_it_may_not_have(string member, string code) =>
        RefusedAsync("{\"type\":\"response.create\",\"response\":{" + member + "}}", code);

    [Theory]
    [InlineData("""{"type":"transcription_session.update","session":{}}""", "operation_not_allowed")]
    [InlineData("""{"type":"something.new"}""", "operation_not_allowed")]
    [InlineData("""{"type":"Response.Create"}""", "operation_not_allowed")]
    [InlineData("""{"type":"response.create","type":"session.update"}""", "invalid_request")]
    [InlineData("""{"type":"response.create","response":[]}""", "invalid_request")]
    [InlineData("""{"type":"response.create","event_id":7}""", "invalid_request")]
    [InlineData("""{"type":"session.update"}""", "invalid_request")]
    [InlineData("""{"type":"session.update","session":null}""", "invalid_request")]
    [InlineData("""{"type":"input_audio_buffer.append","audio":["AAAA"]}""", "invalid_request")]
    [InlineData("""{"type":"conversation.item.create","item":{"type":"mcp_call"}}""", "operation_not_allowed")]
    [InlineData("""{"type":"conversation.item.create","item":{"type":"message","content":[{"type":"input_file","file_id":"file-1"}]}}""", "operation_not_allowed")]
    [InlineData("""["response.create"]""", "invalid_request")]
    [InlineData("""{"type":"response.create"} {}""", "invalid_request")]
    [InlineData("response.create", "invalid_request")]
    public Task That_is_not_understood(string json, string code) => RefusedAsync(json, code);

    [Fact]
    public async Task That_is_binary()
    {
        await App.Socket.SendAsync("""{"type":"response.create"}"""u8.ToArray(), System.Net.WebSockets.WebSocketMessageType.Binary, true, CancellationToken.None);

        await IsRefusedAsync("invalid_request", null);
    }

    [Fact]
    public Task That_is_long_and_full_of_parts() =>
        RefusedAsync("{\"type\":\"session.update\",\"session\":{\"type\":\"realtime\",\"include\":[" + string.Join(',', Enumerable.Repeat("1", 200_000)) + "]}}", "invalid_request");

    [Fact]
    public async Task Names_the_event_that_was_refused()
    {
        await App.SendAsync("""{"event_id":"mine","type":"something.new"}""");

        await IsRefusedAsync("operation_not_allowed", "mine");
    }

    [Theory]
    [InlineData("\"model\":\"gpt-realtime\"")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"properties\":{\"model\":{\"type\":\"string\"}}}}]")]
    [InlineData("\"audio\":{\"input\":{\"transcription\":{\"model\":\"whisper-1\"}}}")]
    [InlineData("\"instructions\":\"Speak of models\",\"tracing\":null,\"prompt\":null")]
    public async Task Leaves_alone_what_is_allowed(string member)
    {
        var update = "{\"type\":\"session.update\",\"session\":{\"type\":\"realtime\"," + member + "}}";

        await App.SendAsync(update);

        await App.UntilAsync("session.updated");
        (await App.ReceivedAsync()).EventsReceived[^1].Should().Be(update, "it goes on byte for byte");
    }

    private async Task RefusedAsync(string json, string code)
    {
        var before = (await App.ReceivedAsync()).EventsReceived.Count;

        await App.SendAsync(json);

        await IsRefusedAsync(code, null);
        await App.SendAsync("""{"type":"input_audio_buffer.clear"}""");
        await App.UntilAsync("input_audio_buffer.cleared");
        (await App.ReceivedAsync()).EventsReceived.Skip(before).Should().Equal("""{"type":"input_audio_buffer.clear"}""");
    }

    private async Task IsRefusedAsync(string code, string? eventId)
    {
        var told = await App.NextAsync();
        told.GetProperty("type").GetString().Should().Be("error");
        var error = told.GetProperty("error");
        error.GetProperty("code").GetString().Should().Be(code);
        error.GetProperty("type").GetString().Should().NotBeNullOrEmpty();
        error.GetProperty("message").GetString().Should().NotBeNullOrEmpty();
        error.GetProperty("event_id").GetString().Should().Be(eventId);
        told.GetProperty("event_id").GetString().Should().StartWith("event_");
    }
}
