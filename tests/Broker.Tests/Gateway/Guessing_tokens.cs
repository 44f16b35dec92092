using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Guessing_tokens
{
    [Fact]
    public async Task Is_held_back_by_address_while_a_good_token_in_use_goes_on()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:InvalidTokensPerMinute"] = "5" });
        using var person = await Person.WithKeyAsync(broker);
        var api = new Api(broker, (await new OAuthApp(broker).ConnectAsync(person)).AccessToken);
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);

        for (var guess = 0; guess < 5; guess++)
        {
            (await new Api(broker, $"guess-{guess}").ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }

        using var held = await new Api(broker, "guess-6").ChatAsync();
        held.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        held.Headers.RetryAfter.Should().NotBeNull();
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK, "this token was known before the guessing");
    }

    [Fact]
    public async Task And_every_other_request_has_a_limit_by_address()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Broker:RequestsPerMinute"] = "5" });
        using var client = broker.NewClient();
        for (var request = 0; request < 5; request++)
        {
            (await client.GetAsync("/.well-known/openid-configuration")).StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using var refused = await client.PostAsync("/connect/token", new FormUrlEncodedContent([]));
        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter.Should().NotBeNull();
    }
}
