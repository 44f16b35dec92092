using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

/// <summary>With moderation on for everything, by the operator.</summary>
public sealed class Moderating_calls(Moderating_calls.ModeratingBroker broker) : IClassFixture<Moderating_calls.ModeratingBroker>
{
    [Fact]
    public async Task Sends_on_what_is_harmless_and_asks_with_the_calls_own_key()
    {
        using var connected = await Connected.AsAsync(broker.Host);

        using var response = await connected.Api.ChatAsync("A poem about rain");

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received.Select(e => e.Path).Should().Equal("/v1/moderations", "/v1/chat/completions");
        var asked = connected.Received[0];
        asked.Text.Should().Contain("A poem about rain").And.Contain("omni-moderation-latest");
    }

    [Fact]
    public async Task Refuses_what_is_flagged_names_the_categories_and_never_the_text()
    {
        using var connected = await Connected.AsAsync(broker.Host);

        using var response = await connected.Api.ChatAsync("a-canary-of-content [[flag:hate]] [[flag:violence]]");

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        var (code, error) = await Api.ErrorAsync(response);
        code.Should().Be("content_flagged");
        error.GetProperty("message").GetString().Should().Contain("hate, violence").And.NotContain("canary");
        connected.Received.Select(e => e.Path).Should().Equal(["/v1/moderations"], "the model never sees it");
    }

    public sealed class ModeratingBroker : IAsyncLifetime
    {
        public BrokerHost Host { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(new() { ["Safety:Moderation:Mode"] = "On" });

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
