using System.Net;
using System.Net.Http.Json;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>Clients that hang up, under both policies: what the provider saw of it, and what was charged.</summary>
[Trait("Checklist", "24")]
public sealed class Leaving_early
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stops_the_provider_within_a_second_where_nothing_else_is_said(bool stream)
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);

        await LeaveAsync(connected, stream ? "[[events:5000]] [[delay:20]]" : "[[fault:stall]]", stream);
        var left = TimeProvider.System.GetUtcNow();

        var seen = await broker.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        (seen.CancelledAt!.Value - left).Should().BeLessThan(TimeSpan.FromSeconds(1));
        var usage = (await connected.UsageAsync())[0];
        (usage.Estimated, usage.Status).Should().Be((true, 499));
        usage.CostMicros.Should().BePositive();
        Posts(connected).Should().Be(1, "a POST is never sent again");
    }

    [Theory]
    [InlineData("/chat/completions", true)]
    [InlineData("/chat/completions", false)]
    [InlineData("/responses", true)]
    public async Task Is_charged_exactly_where_the_answer_is_read_on(string path, bool stream)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:WhenClientLeaves"] = "Drain" });
        using var connected = await Connected.AsAsync(broker, OAuthApp.DefaultScope);
        var text = stream ? "[[events:60]] [[delay:40]]" : "[[fault:slow]] Hello";

        await LeaveAsync(connected, text, stream, path);

        var usage = (await connected.UsageAsync())[0];
        (usage.Estimated, usage.Status).Should().Be((false, 499));
        var output = stream ? TokenCount.Of(Words(60)) : TokenCount.Of(Reply.To("Hello"));
        (usage.InputTokens, usage.OutputTokens).Should().Be((TokenCount.Of(text), output));
        usage.CostMicros.Should().Be((long)Math.Ceiling((usage.InputTokens * 0.15m) + (output * 0.60m)));
        var seen = await Eventually.IsAsync(() => Task.FromResult(connected.Received[^1]), exchange => exchange.Finished);
        (seen.Cancelled, seen.Finished).Should().Be((false, true), "the provider's answer was read to its end");
        Posts(connected).Should().Be(1, "a POST is never sent again");
        (await Eventually.IsAsync(() => Task.FromResult(Books.OfGrant(broker, connected.GrantId).IsIdle), idle => idle)).Should().BeTrue();
    }

    [Theory]
    [InlineData("Gateway:DrainTime", "00:00:00.3", "[[events:5000]] [[delay:20]]", true)]
    [InlineData("Gateway:DrainTime", "00:00:00.3", "[[fault:stall]]", false)]
    [InlineData("Gateway:DrainTime", "00:00:00.3", "[[fault:stall_mid_stream]]", true)]
    [InlineData("Gateway:DrainBytes", "2048", "[[events:5000]] [[delay:5]]", true)]
    public async Task Is_cancelled_and_estimated_where_that_takes_more_than_the_limit(string limit, string value, string text, bool stream)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:WhenClientLeaves"] = "Drain", [limit] = value });
        using var connected = await Connected.AsAsync(broker);

        await LeaveAsync(connected, text, stream);

        var seen = await broker.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        seen.EventsWritten.Should().BeLessThan(5_000);
        var usage = (await connected.UsageAsync())[0];
        (usage.Estimated, usage.Status).Should().Be((true, 499));
        usage.CostMicros.Should().BePositive();
    }

    [Fact]
    public async Task Is_no_way_to_have_a_stored_conversation_read_for_nothing()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, OAuthApp.DefaultScope);
        using var first = await connected.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = "Hello", store = true });
        var id = (await first.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("id").GetString();

        using (await connected.Api.SendAsync(
            HttpMethod.Post, "/responses",
            JsonContent.Create(new { model = "gpt-4o-mini", input = "[[events:5000]] [[delay:20]]", stream = true, previous_response_id = id }), HttpCompletionOption.ResponseHeadersRead))
        {
        }

        var usage = (await connected.UsageAsync(2))[1];
        (usage.Estimated, usage.InputTokens).Should().Be((true, 128_001), "nobody told how much of the window it took");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2_000_000)]
    public async Task With_a_picture_is_charged_for_it_and_for_no_more_than_it_could_cost(int bytes)
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        var address = bytes == 0 ? "https://x.example/a.png" : "data:image/png;base64," + new string('A', bytes);

        using (await connected.Api.SendAsync(
            HttpMethod.Post, "/chat/completions",
            JsonContent.Create(new
            {
                model = "gpt-4o-mini",
                stream = true,
                max_completion_tokens = 1_000,
                messages = new[] { new { role = "user", content = new object[] { new { type = "text", text = "[[events:5000]] [[delay:20]]" }, new { type = "image_url", image_url = new { url = address } } } } },
            }),
            HttpCompletionOption.ResponseHeadersRead))
        {
        }

        // The window's 128,000 tokens of text at most, 50,000 of the picture, and the output; at 15 and 60 cents for a million, and priority's 1.67 times that.
        var usage = (await connected.UsageAsync())[0];
        usage.Estimated.Should().BeTrue();
        usage.InputTokens.Should().BeInRange(50_000, 178_001);
        usage.CostMicros.Should().BeInRange(7_500, 45_501);
    }

    [Fact]
    public async Task Of_many_answers_is_charged_for_each_that_was_being_written()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        using var leaving = new CancellationTokenSource();
        var call = connected.Api.SendAsync(
            HttpMethod.Post, "/chat/completions",
            JsonContent.Create(new { model = "gpt-4o-mini", n = 100, messages = new[] { new { role = "user", content = "[[fault:stall]]" } } }), cancellationToken: leaving.Token);
        await connected.ReceivedAsync("/chat/completions");

        // So long that the provider has written something by then, as far as anybody knows.
        await Task.Delay(200);
        await leaving.CancelAsync();
        await FluentActions.Awaiting(() => call).Should().ThrowAsync<OperationCanceledException>();

        var output = (await connected.UsageAsync())[0].OutputTokens;
        output.Should().BePositive();
        (output % 100).Should().Be(0, "each of the hundred has as much");
    }

    [Fact]
    public async Task Keeps_its_place_until_the_answer_is_read()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:WhenClientLeaves"] = "Drain", ["Gateway:ConcurrentCalls"] = "1" });
        using var connected = await Connected.AsAsync(broker);
        await LeaveAsync(connected, "[[events:5000]] [[delay:20]]", stream: true);

        using (var beside = await connected.Api.ChatAsync())
        {
            beside.StatusCode.Should().Be(HttpStatusCode.TooManyRequests, "the one place is taken by an answer that is read on");
        }

        connected.Received[0].Finished.Should().BeFalse();
    }

    [Fact]
    public async Task Does_not_outlive_the_grant()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:WhenClientLeaves"] = "Drain", ["Gateway:DrainTime"] = "00:05:00" });
        using var connected = await Connected.AsAsync(broker);
        await LeaveAsync(connected, "[[events:5000]] [[delay:20]]", stream: true);

        await new OAuthApp(broker).RevokeAsync(connected.Tokens.RefreshToken);

        await broker.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        (await connected.UsageAsync())[0].Estimated.Should().BeTrue();
    }

    [Fact]
    public async Task Does_not_hold_up_a_stop_and_is_settled_before_it()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:WhenClientLeaves"] = "Drain", ["Gateway:DrainTime"] = "00:05:00" });
        using var connected = await Connected.AsAsync(broker);
        await LeaveAsync(connected, "[[events:5000]] [[delay:20]]", stream: true);

        await broker.RestartBrokerAsync();

        (await connected.UsageAsync())[0].Estimated.Should().BeTrue();
        (await connected.SpendAsync()).CostMicros.Should().BePositive();
        broker.Log.Lines.Should().NotContain(line => line.Contains("ended without settling", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Is_not_read_on_where_the_answer_tells_no_cost()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:WhenClientLeaves"] = "Drain", ["Gateway:DrainTime"] = "00:05:00" });
        using var connected = await Connected.AsAsync(broker);
        using (var speech = await connected.Api.SendAsync(
            HttpMethod.Post, "/audio/speech", JsonContent.Create(new { model = "tts-1", input = "[[fault:stall_mid_stream]] Hello", voice = "alloy" }), HttpCompletionOption.ResponseHeadersRead))
        {
            speech.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        await broker.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        (await connected.UsageAsync())[0].CostMicros.Should().BePositive();
    }

    /// <summary>Makes a call and hangs up: in the middle of a stream, or before any answer.</summary>
    private static async Task LeaveAsync(Connected connected, string text, bool stream, string path = "/chat/completions")
    {
        using var leaving = new CancellationTokenSource();
        object body = path == "/responses"
            ? new { model = "gpt-4o-mini", input = text, stream }
            : new { model = "gpt-4o-mini", stream, messages = new[] { new { role = "user", content = text } } };
        var call = connected.Api.SendAsync(HttpMethod.Post, path, JsonContent.Create(body), HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        await connected.ReceivedAsync(path);
        if (stream)
        {
            using var response = await call;
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            var some = new byte[64];
            await (await response.Content.ReadAsStreamAsync()).ReadExactlyAsync(some);
            return;
        }

        await leaving.CancelAsync();
        await FluentActions.Awaiting(() => call).Should().ThrowAsync<OperationCanceledException>();
    }

    private static int Posts(Connected connected) => connected.Received.Count(exchange => exchange.Method == "POST");

    private static string Words(int pieces) => string.Join(' ', Enumerable.Range(1, pieces).Select(piece => $"word{piece}"));
}
