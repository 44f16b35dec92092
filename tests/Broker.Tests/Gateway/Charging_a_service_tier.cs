using System.Net;
using System.Text.Json.Nodes;
using TokenBroker.Metering;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>The tier that the answer names is charged, and the dearest that it may name is what the budget holds. gpt-5.4 costs 2.50 and 15 for a million.</summary>
public sealed class Charging_a_service_tier : IAsyncLifetime
{
    private const string Model = "gpt-5.4";
    private BrokerHost _broker = null!;

    /// <summary>As it is without a setting: an account may prefer priority.</summary>
    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:AutoTiers"] = "default priority" });

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Theory]
    [InlineData("/chat/completions", false, null, "Hello", 1.0, null)]
    [InlineData("/chat/completions", true, null, "Hello", 1.0, null)]
    [InlineData("/chat/completions", false, "priority", "Hello", 2.0, "priority")]
    [InlineData("/chat/completions", true, "priority", "Hello", 2.0, "priority")]
    [InlineData("/chat/completions", true, "flex", "Hello", 0.5, "flex")]
    [InlineData("/chat/completions", true, null, "[[tier:priority]] Hello", 2.0, "priority")]
    [InlineData("/chat/completions", false, "auto", "[[tier:scale]] Hello", 1.0, null)]
    [InlineData("/chat/completions", false, "auto", "[[tier:novel]] Hello", 2.0, "other")]
    [InlineData("/chat/completions", false, "default", "[[tier:priority]] Hello", 1.0, null)]
    [InlineData("/responses", false, "priority", "Hello", 2.0, "priority")]
    [InlineData("/responses", true, null, "[[tier:priority]] Hello", 2.0, "priority")]
    [InlineData("/responses", true, "flex", "Hello", 0.5, "flex")]
    public async Task Takes_the_one_that_the_answer_names(string path, bool stream, string? tier, string text, double times, string? charged)
    {
        using var connected = await Connected.AsAsync(_broker);

        var usage = await UsageOfAsync(connected, path, Body(path, text, stream, tier));

        (usage.ServiceTier, usage.Estimated).Should().Be((charged, false));
        usage.CostMicros.Should().Be((long)Math.Ceiling(((TokenCount.Of(text) * 2.5m) + (TokenCount.Of(Reply.To(text)) * 15m)) * (decimal)times));
    }

    [Theory]
    [InlineData("default priority", null, 200)]
    [InlineData("default", null, 100)]
    [InlineData("default", "priority", 200)]
    [InlineData("default priority", "default", 100)]

    // What is asked for at half the price may come at the whole.
    [InlineData("default", "flex", 100)]
    public async Task Reserves_the_dearest_that_it_may_be(string auto, string? tier, int percent)
    {
        // A call in the air: 1,000 tokens out at 15 and the bytes of the request at 5, which is what long contexts cost.
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:AutoTiers"] = auto });
        using var connected = await Connected.AsAsync(broker, budget: "10");
        var body = Body("/chat/completions", "[[fault:stall]]", stream: false, tier);
        body["max_completion_tokens"] = 1_000;
        using var leaving = new CancellationTokenSource();
        var call = connected.Api.SendAsync(
            HttpMethod.Post, "/chat/completions", new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json"), cancellationToken: leaving.Token);
        await connected.ReceivedAsync("/chat/completions");

        var reserved = 10_000_000 - Books.OfGrant(broker, connected.GrantId).LeftOf(10_000_000);

        await leaving.CancelAsync();
        await FluentActions.Awaiting(() => call).Should().ThrowAsync<OperationCanceledException>();
        var list = (body.ToJsonString().Length * 5m) + (1_000 * 22.5m);
        reserved.Should().BeInRange((long)(list * percent / 100), (long)(list * percent / 100) + 2);
    }

    [Fact]
    public async Task Charges_what_is_left_before_it_named_one_at_the_dearest()
    {
        using var connected = await Connected.AsAsync(_broker);
        using var leaving = new CancellationTokenSource();
        var call = connected.Api.SendAsync(
            HttpMethod.Post, "/chat/completions", new StringContent(Body("/chat/completions", "[[fault:stall]]", false, null).ToJsonString(), System.Text.Encoding.UTF8, "application/json"),
            cancellationToken: leaving.Token);
        await connected.ReceivedAsync("/chat/completions");
        await leaving.CancelAsync();
        await FluentActions.Awaiting(() => call).Should().ThrowAsync<OperationCanceledException>();

        var usage = (await connected.UsageAsync())[0];

        (usage.Estimated, usage.ServiceTier).Should().Be((true, "auto"));
        usage.CostMicros.Should().BeGreaterThanOrEqualTo((long)(usage.InputTokens * 2.5m * 2));
    }

    [Theory]
    [InlineData("novel")]
    [InlineData("batch2")]
    public async Task Refuses_one_without_a_price(string tier)
    {
        using var connected = await Connected.AsAsync(_broker);

        using var response = await connected.Api.PostRawAsync("/chat/completions", Body("/chat/completions", "Hello", false, tier).ToJsonString());

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await Api.ErrorAsync(response)).Error.GetProperty("param").GetString().Should().Be("service_tier");
        connected.Received.Should().BeEmpty();
    }

    private static async Task<Usage> UsageOfAsync(Connected connected, string path, JsonObject body)
    {
        using var response = await connected.Api.PostRawAsync(path, body.ToJsonString());
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return (await connected.UsageAsync())[0];
    }

    private static JsonObject Body(string path, string text, bool stream, string? tier)
    {
        var body = new JsonObject { ["model"] = Model, ["stream"] = stream };
        if (tier is not null)
        {
            body["service_tier"] = tier;
        }

        if (path == "/responses")
        {
            body["input"] = text;
        }
        else
        {
            body["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text });
        }

        return body;
    }
}
