using System.Net.WebSockets;
using System.Text.Json;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Realtime;

/// <summary>Checklist 28 on a session: each response is claimed before it begins, and settled at what it cost.</summary>
[Trait("Checklist", "28")]
public sealed class Paying_for_a_session(SharedBroker shared)
{
    private const string Speech = "AQEBAQEBAQE=";

    [Fact]
    public async Task Leaves_a_row_for_each_response_at_what_the_provider_reports()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);

        var first = (await app.AskAsync("Hello")).GetProperty("response").GetProperty("usage");
        var second = (await app.AskAsync("Hello again")).GetProperty("response").GetProperty("usage");

        var rows = await connected.UsageAsync(2);
        rows.Should().HaveCount(2).And.OnlyContain(row => row.Operation == "realtime.response" && row.Model == "gpt-realtime" && !row.Estimated && row.Status == 200);
        rows.Select(row => row.InputTokens).Should().BeEquivalentTo([Number(first, "input_tokens"), Number(second, "input_tokens")]);
        rows.Select(row => row.OutputTokens).Should().BeEquivalentTo([Number(first, "output_tokens"), Number(second, "output_tokens")]);
        rows.Sum(row => row.CostMicros).Should().Be(CostOf(first) + CostOf(second));
        (await connected.SpendAsync(2)).CostMicros.Should().Be(CostOf(first) + CostOf(second));
    }

    [Fact]
    public async Task Prices_sound_and_what_was_cached_of_it_as_such()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SendAsync("""{"type":"session.update","session":{"type":"realtime","output_modalities":["audio"]}}""");
        await app.UntilAsync("session.updated");
        await app.SendAsync("{\"type\":\"input_audio_buffer.append\",\"audio\":\"" + Convert.ToBase64String(new byte[480_000]) + "\"}");
        await app.SendAsync("""{"type":"input_audio_buffer.commit"}""");

        var first = (await app.AskAsync("Hello")).GetProperty("response").GetProperty("usage");
        var second = (await app.AskAsync("Hello again")).GetProperty("response").GetProperty("usage");

        Number(first.GetProperty("input_token_details"), "audio_tokens").Should().Be(100);
        Number(second.GetProperty("input_token_details").GetProperty("cached_tokens_details"), "audio_tokens").Should().Be(100);
        (await connected.UsageAsync(2)).Sum(row => row.CostMicros).Should().Be(CostOf(first) + CostOf(second));
    }

    [Fact]
    public async Task Counts_what_the_provider_answers_by_itself()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected, respondsByItself: true);

        await SpeakAsync(app);
        var usage = (await app.UntilAsync("response.done")).GetProperty("response").GetProperty("usage");

        (await connected.UsageAsync()).Should().ContainSingle().Which.CostMicros.Should().Be(CostOf(usage));
    }

    [Fact]
    public async Task Counts_transcripts_at_their_own_models_price()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SendAsync("""{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"whisper-1"}}}}}""");
        await app.UntilAsync("session.updated");

        await app.SendAsync("{\"type\":\"input_audio_buffer.append\",\"audio\":\"" + Convert.ToBase64String(new byte[144_000]) + "\"}");
        await app.SendAsync("""{"type":"input_audio_buffer.commit"}""");
        await app.UntilAsync("conversation.item.input_audio_transcription.completed");

        var row = (await connected.UsageAsync()).Should().ContainSingle().Subject;
        (row.Operation, row.Model, row.CostMicros, row.Estimated).Should().Be(("realtime.transcription", "whisper-1", 300, false), "three seconds at 100 micro-dollars");
    }

    [Fact]
    public async Task Estimates_a_response_that_came_without_its_usage()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);

        await app.AskAsync("[[fault:no_usage]] Hello");

        var row = (await connected.UsageAsync()).Should().ContainSingle().Subject;
        row.Estimated.Should().BeTrue();
        row.OutputTokens.Should().Be(Reply.Pieces(Reply.To("Hello")).Count());
        row.CostMicros.Should().BePositive();
    }

    [Fact]
    public async Task Refuses_a_response_that_the_budget_cannot_pay_and_goes_on()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope, budget: "0.50");
        using var app = await AppSocket.OpenAsync(connected);
        await app.SendAsync(Sound(3_600_000));
        await app.UntilAsync("conversation.item.added");

        await app.SendAsync("""{"type":"response.create","response":{"max_output_tokens":4096,"conversation":"auto"}}""");
        (await app.UntilAsync("error")).GetProperty("error").GetProperty("code").GetString().Should().Be("budget_exhausted");

        await app.SendAsync("""{"type":"response.create","response":{"max_output_tokens":10}}""");
        await app.UntilAsync("response.done");
        (await app.ReceivedAsync()).EventsReceived.Count(e => e.Contains("response.create", StringComparison.Ordinal)).Should().Be(1);
    }

    [Fact]
    public async Task Ends_where_the_provider_would_answer_by_itself_and_nobody_could_pay()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope, budget: "0.50");
        using var app = await AppSocket.OpenAsync(connected, respondsByItself: true);

        // So much was said that the next answer could cost more than there is.
        await app.SendAsync(Sound(9_000_000));

        var rest = await app.RestAsync();
        rest[^1].GetProperty("error").GetProperty("code").GetString().Should().Be("budget_exhausted");
        app.Socket.CloseStatus.Should().Be(WebSocketCloseStatus.PolicyViolation);
        (await app.ReceivedAsync(e => e.Finished)).EventsReceived.Should().NotContain(e => e.Contains("input_audio", StringComparison.Ordinal), "what could be answered is not sent");
    }

    [Fact]
    public async Task Ends_before_a_response_that_another_call_has_spent_the_money_of()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope, budget: "0.60");
        using var one = await AppSocket.OpenAsync(connected, respondsByItself: true);
        using var other = await AppSocket.OpenAsync(connected, respondsByItself: true);
        await SpeakAsync(one);
        await SpeakAsync(other);
        await one.UntilAsync("response.done");

        // Both hold a claim for one response each; there is none for a third.
        await one.SendAsync(Sound(6_000_000));

        (await one.RestAsync())[^1].GetProperty("error").GetProperty("code").GetString().Should().Be("budget_exhausted");
        (await connected.SpendAsync()).CostMicros.Should().BeLessThan(600_000);
    }

    [Fact]
    public async Task Holds_the_cap_with_many_sessions_at_a_time()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope, budget: "0.30");
        await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            try
            {
                using var app = await AppSocket.OpenAsync(connected, respondsByItself: true);
                await SpeakAsync(app);
                await app.RestAsync().WaitAsync(TimeSpan.FromSeconds(2));
            }
            catch (Exception exception) when (exception is WebSocketException or TimeoutException or OperationCanceledException)
            {
                // Refused, or still open.
            }
        }));

        var book = Books.OfGrant(shared.Host, connected.GrantId);
        (await Eventually.IsAsync(() => Task.FromResult(book.IsIdle), idle => idle)).Should().BeTrue("what was claimed and not used is given back");
        (await connected.SpendAsync()).CostMicros.Should().BeInRange(1, 300_000);
    }

    [Fact]
    public async Task Gives_a_claim_back_when_the_provider_refuses_to_begin()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync("[[events:50000]] [[delay:5]]");
        await app.SendAsync("""{"type":"response.create"}""");
        await app.UntilAsync("response.output_text.delta");

        await app.SendAsync("""{"type":"response.create"}""");
        var refused = await app.UntilAsync("error");
        await app.SendAsync("""{"type":"response.cancel"}""");
        await app.UntilAsync("response.done");

        refused.GetProperty("error").GetProperty("code").GetString().Should().Be("conversation_already_has_active_response");
        (await connected.UsageAsync()).Should().ContainSingle().Which.Estimated.Should().BeFalse();
        Books.OfGrant(shared.Host, connected.GrantId).IsIdle.Should().BeTrue("nothing is asked for any more");
    }

    [Fact]
    public async Task Counts_responses_beside_the_conversation_each_for_itself()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync("[[events:20]] [[delay:5]]");

        await app.SendAsync("""{"type":"response.create"}""");
        await app.SendAsync("""{"type":"response.create","response":{"conversation":"none"}}""");
        await app.SendAsync("""{"type":"response.create","response":{"conversation":"none"}}""");
        for (var done = 0; done < 3; done++)
        {
            await app.UntilAsync("response.done");
        }

        (await connected.UsageAsync(3)).Should().HaveCount(3).And.OnlyContain(row => !row.Estimated);
    }

    /// <summary>An item of the user's, spoken.</summary>
    private static string Sound(int bytes) =>
        "{\"type\":\"conversation.item.create\",\"item\":{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"audio\":\""
        + Convert.ToBase64String(new byte[bytes]) + "\"}]}}";

    private static async Task SpeakAsync(AppSocket app)
    {
        await app.SendAsync("{\"type\":\"input_audio_buffer.append\",\"audio\":\"" + Speech + "\"}");
        await app.SendAsync("{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAAAAAAAAAA=\"}");
        await app.UntilAsync("response.created");
    }

    /// <summary>By the price list's dollars for a million: text 4 and 16, sound 32 and 64, anything cached 0.4.</summary>
    private static long CostOf(JsonElement usage)
    {
        var input = usage.GetProperty("input_token_details");
        var cached = input.GetProperty("cached_tokens_details");
        var output = usage.GetProperty("output_token_details");
        var (cachedText, cachedAudio) = (Number(cached, "text_tokens"), Number(cached, "audio_tokens"));
        return (long)Math.Ceiling(
            ((Number(input, "text_tokens") - cachedText) * 4m) + ((Number(input, "audio_tokens") - cachedAudio) * 32m) + ((cachedText + cachedAudio) * 0.4m)
            + (Number(output, "text_tokens") * 16m) + (Number(output, "audio_tokens") * 64m));
    }

    private static long Number(JsonElement parent, string name) => parent.GetProperty(name).GetInt64();
}
