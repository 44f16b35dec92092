using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "29")]
public sealed class Limiting_calls
{
    [Fact]
    public async Task Tells_what_is_left_of_the_tightest_limit()
    {
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Gateway:RequestsPerMinute"] = "50",
            ["Gateway:RequestsPerMinuteOfUser"] = "3",
            ["Gateway:TokensPerMinute"] = "1000000",
        });
        using var connected = await Connected.AsAsync(broker);

        using var first = await connected.Api.ChatAsync();
        await connected.UsageAsync();
        using var second = await connected.Api.ChatAsync();
        using var third = await connected.Api.ChatAsync();
        using var refused = await connected.Api.ChatAsync();

        Left(first).Should().Be(("3", "2"), "the user's limit is the tightest");
        Left(third).Should().Be(("3", "0"));
        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        Left(refused).Should().Be(("3", "0"), "a refusal tells it too");
        first.Headers.GetValues("x-ratelimit-limit-tokens").Should().Equal("1000000");
        long.Parse(second.Headers.GetValues("x-ratelimit-remaining-tokens").Single(), System.Globalization.CultureInfo.InvariantCulture)
            .Should().BeGreaterThan(800_000, "a call that has ended counts what it used, and not its worst");
        first.Headers.GetValues("x-ratelimit-reset-requests").Single().Should().MatchRegex("^(1m0s|[0-9]+s)$");

        static (string Limit, string Left) Left(HttpResponseMessage response) =>
            (response.Headers.GetValues("x-ratelimit-limit-requests").Single(), response.Headers.GetValues("x-ratelimit-remaining-requests").Single());
    }

    [Fact]
    public async Task In_a_minute_answers_429_with_the_time_to_wait()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RequestsPerMinute"] = "5" });
        using var connected = await Connected.AsAsync(broker);
        using var other = await Connected.AsAsync(broker);
        for (var i = 0; i < 5; i++)
        {
            using var allowed = await connected.Api.ChatAsync();
            allowed.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using var refused = await connected.Api.ChatAsync();

        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        (await Api.ErrorAsync(refused)).Code.Should().Be("rate_limited");
        refused.Headers.RetryAfter!.Delta.Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1)).And.BeLessThanOrEqualTo(TimeSpan.FromMinutes(1));
        connected.Received.Count.Should().Be(5, "a refused call is not sent");
        using var others = await other.Api.ChatAsync();
        others.StatusCode.Should().Be(HttpStatusCode.OK, "one grant's rate is not another's");
    }

    [Fact]
    [Trait("Checklist", "26")]
    public async Task At_one_time_answers_429_and_gives_each_place_back()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "2" });
        using var connected = await Connected.AsAsync(broker);
        string[] ends = ["left by the client", "dropped", "refused", "whole", "cut short"];
        foreach (var end in ends)
        {
            var one = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:50]]");
            var two = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:50]]");
            using (var refused = await connected.Api.ChatAsync())
            {
                refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
                refused.Headers.RetryAfter!.Delta.Should().BePositive();
            }

            one.Dispose();
            two.Dispose();

            // Twice as many calls as there are places, one after another: a place that is lost would show.
            for (var i = 0; i < 4; i++)
            {
                var status = await Eventually.IsAsync(() => TryAsync(connected, end), status => status != HttpStatusCode.TooManyRequests);
                status.Should().NotBe(HttpStatusCode.TooManyRequests, end);
            }
        }
    }

    private static async Task<HttpStatusCode> TryAsync(Connected connected, string end)
    {
        var text = end switch
        {
            "dropped" => "[[fault:drop]]",
            "refused" => "[[fault:server_error]]",
            "cut short" => "[[fault:drop_before]]",
            _ => "Hello",
        };
        using var response = await connected.Api.OpenStreamAsync(text);
        if (end != "left by the client")
        {
            await Provider_faults.ReadToBreakAsync(response);
        }

        return response.StatusCode;
    }
}
