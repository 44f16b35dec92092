using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using OpenIddict.Abstractions;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Sdk;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connections;

public sealed class Keeping_the_token_fresh(ClockedBroker clocked) : IClassFixture<ClockedBroker>, IAsyncLifetime
{
    private FakeTimeProvider Clock => clocked.Clock;

    private BrokerHost Broker => clocked.Host;

    private AppHost App { get; set; } = null!;

    private Person Ada { get; set; } = null!;

    public async ValueTask InitializeAsync()
    {
        App = await AppHost.StartAsync(Broker, new AppSettings { Clock = Clock });
        Ada = await App.ConnectedPersonAsync("ada");
    }

    public async ValueTask DisposeAsync()
    {
        Ada.Dispose();
        await App.DisposeAsync();
    }

    [Fact]
    public async Task Uses_one_token_for_as_long_as_it_is_fresh()
    {
        var first = await App.Of("ada").GetAccessTokenAsync();
        Clock.Advance(TimeSpan.FromMinutes(27));

        (await App.Of("ada").GetAccessTokenAsync()).Should().Be(first);

        Refreshes.Should().Be(0);
    }

    [Fact]
    public async Task Refreshes_two_minutes_before_the_end()
    {
        var first = await App.Of("ada").GetAccessTokenAsync();
        var connectedAt = (await App.Of("ada").GetGrantAsync())!.ConnectedAt;
        Clock.Advance(TimeSpan.FromMinutes(28));

        var second = await App.Of("ada").GetAccessTokenAsync();

        second.Should().NotBe(first);
        Refreshes.Should().Be(1);
        var grant = await App.Of("ada").GetGrantAsync();
        grant!.AccessTokenExpiresAt.Should().Be(Clock.GetUtcNow().AddMinutes(30));
        grant.ConnectedAt.Should().Be(connectedAt);
        using var call = await new Api(Broker, second).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Refreshes_once_however_many_calls_wait()
    {
        Clock.Advance(TimeSpan.FromMinutes(29));

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() =>
            App.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync($"Number {i}"))));

        answers.Select(answer => answer.Value.Content[0].Text).Should().BeEquivalentTo(Enumerable.Range(0, 20).Select(i => Reply.To($"Number {i}")));
        Refreshes.Should().Be(1);
        (await AccessTokensIssuedAsync()).Should().Be(2, "one by the code and one by the refresh");
    }

    [Fact]
    public async Task Refreshes_once_for_synchronous_calls_as_well()
    {
        Clock.Advance(TimeSpan.FromMinutes(29));

        Parallel.For(0, 8, _ => App.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChat("Hello"));

        Refreshes.Should().Be(1);
    }

    [Fact]
    public async Task Goes_on_over_many_rotations()
    {
        for (var i = 0; i < 10; i++)
        {
            Clock.Advance(TimeSpan.FromHours(2));
            var answer = await App.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello");
            answer.Value.Content[0].Text.Should().Be(Reply.To("Hello"));
        }

        Refreshes.Should().Be(10);
    }

    [Fact]
    public async Task Works_after_the_broker_was_restarted()
    {
        Clock.Advance(TimeSpan.FromMinutes(29));
        await Broker.RestartBrokerAsync();

        var answer = await App.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello");

        answer.Value.Content[0].Text.Should().Be(Reply.To("Hello"));
        Refreshes.Should().Be(1);
    }

    [Fact]
    public async Task Takes_the_present_token_while_the_broker_is_down_and_the_token_is_not_yet_at_its_end()
    {
        var first = await App.Of("ada").GetAccessTokenAsync();
        Clock.Advance(TimeSpan.FromMinutes(29));
        await Broker.StopBrokerAsync();

        (await App.Of("ada").GetAccessTokenAsync()).Should().Be(first);

        Clock.Advance(TimeSpan.FromMinutes(2));
        var late = () => App.Of("ada").GetAccessTokenAsync();
        (await late.Should().ThrowAsync<TokenBrokerException>()).Which.Code.Should().Be("broker_unavailable");
        (await App.Of("ada").IsConnectedAsync()).Should().BeTrue("an outage ends nothing");

        await Broker.StartBrokerAsync();
        (await App.Of("ada").GetAccessTokenAsync()).Should().NotBe(first);
    }

    [Fact]
    public async Task Ends_the_connection_where_the_user_ended_the_grant()
    {
        Clock.Advance(TimeSpan.FromMinutes(29));
        await Ada.PressAsync("Sdk App", "Revoke");

        var call = () => App.Of("ada").GetAccessTokenAsync();

        await call.Should().ThrowAsync<GrantRevokedException>();
        (await App.Of("ada").IsConnectedAsync()).Should().BeFalse();
        await call.Should().ThrowAsync<ConsentRequiredException>();
    }

    [Fact]
    public async Task Ends_the_connection_at_the_end_that_the_user_chose()
    {
        using var bob = await App.ConnectedPersonAsync("bob", new() { ["Form.LifetimeDays"] = "1" });
        Clock.Advance(TimeSpan.FromHours(23.75));
        await App.Of("bob").GetAccessTokenAsync();
        (await App.Of("bob").GetGrantAsync())!.AccessTokenExpiresAt.Should().BeOnOrBefore(Clock.GetUtcNow().AddMinutes(15));

        Clock.Advance(TimeSpan.FromMinutes(15));

        var call = () => App.Of("bob").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello");
        await call.Should().ThrowAsync<GrantRevokedException>();
        (await App.Of("bob").IsConnectedAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Forgets_a_connection_that_nobody_used_for_a_day()
    {
        Clock.Advance(TimeSpan.FromHours(24));

        (await App.Of("ada").IsConnectedAsync()).Should().BeFalse();
        var call = () => App.Of("ada").GetAccessTokenAsync();
        await call.Should().ThrowAsync<ConsentRequiredException>();
    }

    [Fact]
    public async Task Is_not_undone_by_a_refresh_that_meets_a_disconnect()
    {
        Clock.Advance(TimeSpan.FromMinutes(29));

        var calls = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                await App.Of("ada").GetAccessTokenAsync();
            }
            catch (ConsentRequiredException)
            {
                // It came after the disconnect.
            }
        })).ToList();
        await Task.WhenAll([.. calls, App.Of("ada").DisconnectAsync()]);

        (await App.Of("ada").IsConnectedAsync()).Should().BeFalse();
        var open = await Broker.WithDatabaseAsync(db => db.Grants.CountAsync(
            g => g.Application!.ClientId == App.Settings.ClientId && g.Status == OpenIddictConstants.Statuses.Valid));
        open.Should().Be(0, "whichever token the disconnect found, revoking it ends the grant");
    }

    private int Refreshes => App.Traffic.To("/connect/token").Count - 1;

    private Task<int> AccessTokensIssuedAsync() => Broker.WithDatabaseAsync(db => db.Tokens.CountAsync(
        token => token.Application!.ClientId == App.Settings.ClientId && token.Type == OpenIddictConstants.TokenTypeIdentifiers.AccessToken));
}
