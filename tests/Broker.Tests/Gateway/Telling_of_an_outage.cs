using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>What an operator reads at night when a provider is in trouble.</summary>
public sealed class Telling_of_an_outage
{
    private const string Fail = "Calls to openai fail, first req_";

    [Fact]
    public async Task Takes_two_lines_however_many_calls_it_meets()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker);
        var requests = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            using var failed = await connected.Api.ChatAsync("[[fault:drop_before]]");
            failed.StatusCode.Should().Be(HttpStatusCode.BadGateway);
            requests.Add(failed.Headers.GetValues("TokenBroker-Request-Id").Single());
        }

        await AnsweredAsync(connected);
        Lines(broker, "again").Should().BeEmpty("one good answer among bad ones is no end");
        clock.Advance(TimeSpan.FromSeconds(11));
        await AnsweredAsync(connected);
        await AnsweredAsync(connected);

        Lines(broker, Fail).Should().ContainSingle().Which.Should().StartWith("Warning").And.Contain(requests[0]).And.NotContain(connected.Key);
        Lines(broker, "again").Should().ContainSingle().Which.Should().Contain("openai answers again; 3 calls failed");
    }

    [Theory]
    [InlineData("server_error", false, "it answered 500.")]
    [InlineData("stall", false, "it was silent for too long.")]
    [InlineData("stall_mid_stream", true, "it was silent for too long.")]
    [InlineData("drop", true, Fail)]
    public async Task Says_what_went_wrong(string fault, bool isStream, string words)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:IdleTimeout"] = "00:00:02" });
        using var connected = await Connected.AsAsync(broker);
        using var response = isStream
            ? await connected.Api.OpenStreamAsync($"[[fault:{fault}]] [[after:5]] [[events:50]]")
            : await connected.Api.ChatAsync($"[[fault:{fault}]]");
        if (isStream)
        {
            await Provider_faults.ReadToBreakAsync(response);
        }

        Lines(broker, Fail).Should().ContainSingle().Which.Should().Contain(words);
    }

    [Fact]
    public async Task Is_silent_of_what_is_no_failure_of_the_provider()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        using var limited = await connected.Api.ChatAsync("[[fault:rate_limited]]");
        limited.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        using (var left = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:20]]"))
        {
            left.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using var cut = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:20]]");
        await connected.Person.PressAsync("Test App", "Revoke");
        await Provider_faults.ReadToBreakAsync(cut);
        await connected.UsageAsync(3);

        Lines(broker, Fail).Should().BeEmpty();
    }

    private static async Task AnsweredAsync(Connected connected)
    {
        using var response = await connected.Api.ChatAsync();
        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    private static List<string> Lines(BrokerHost broker, string word) =>
        [.. broker.Log.Lines.Where(line => line.Contains("UpstreamTrouble", StringComparison.Ordinal) && line.Contains(word, StringComparison.Ordinal))];
}
