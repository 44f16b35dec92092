using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Devices;

/// <summary>Checklist 12: the answers that a polling device gets, slow_down among them (RFC 8628, section 3.5).</summary>
[Trait("Checklist", "12")]
public sealed class Polling_for_a_token(Polling_for_a_token.ClockedBroker clocked) : IClassFixture<Polling_for_a_token.ClockedBroker>
{
    private BrokerHost Broker => clocked.Host;

    [Fact]
    public async Task Waits_while_nobody_answered()
    {
        var device = await Device.StartAsync(Broker);

        for (var i = 0; i < 3; i++)
        {
            (await device.PollErrorAsync()).Should().Be("authorization_pending");
            Advance(5);
        }
    }

    [Fact]
    public async Task Is_told_to_slow_down_and_has_to()
    {
        var device = await Device.StartAsync(Broker);
        (await device.PollErrorAsync()).Should().Be("authorization_pending");

        Advance(3);
        (await device.PollErrorAsync()).Should().Be("slow_down");
        Advance(5);
        (await device.PollErrorAsync()).Should().Be("slow_down", "it has to wait ten seconds now");
        Advance(14);
        (await device.PollErrorAsync()).Should().Be("slow_down", "it has to wait fifteen seconds now");
        Advance(20);
        (await device.PollErrorAsync()).Should().Be("authorization_pending");
    }

    [Fact]
    public async Task Is_slowed_down_though_somebody_approved()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        await device.PollErrorAsync();
        await device.ApproveAsync(person);

        (await device.PollErrorAsync()).Should().Be("slow_down");
        Advance(10);
        using var response = await device.PollAsync();
        await OAuthApp.ReadAsync(response);
    }

    [Fact]
    public async Task Slows_no_other_device_down()
    {
        var (one, other) = (await Device.StartAsync(Broker), await Device.StartAsync(Broker));
        await one.PollErrorAsync();
        (await one.PollErrorAsync()).Should().Be("slow_down");

        (await other.PollErrorAsync()).Should().Be("authorization_pending");
    }

    [Fact]
    public async Task Ends_after_ten_minutes()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        Advance(601);

        (await device.PollErrorAsync()).Should().Be("expired_token");
        using var page = await Device.EnterAsync(person, device.UserCode);
        (await Person.ParseAsync(page)).QuerySelector(".error")!.TextContent.Should().Contain("No device shows this code");
    }

    [Fact]
    public async Task Has_time_to_come_by_after_a_late_approval()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        Advance(590);
        await device.ApproveAsync(person);
        Advance(60);

        using var response = await device.PollAsync();

        await OAuthApp.ReadAsync(response);
    }

    [Fact]
    public async Task Gives_tokens_once_to_many_polls_at_a_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        await device.ApproveAsync(person);

        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => device.PollAsync()));

        var given = responses.Where(response => response.StatusCode == HttpStatusCode.OK).ToList();
        given.Should().ContainSingle();
        foreach (var refused in responses.Except(given))
        {
            (await OAuthApp.ErrorAsync(refused)).Should().Be("slow_down");
        }

        var tokens = await OAuthApp.ReadAsync(given[0]);
        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Ends_all_that_it_gave_where_the_code_comes_back()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        await device.ApproveAsync(person);
        using var response = await device.PollAsync();
        var tokens = await OAuthApp.ReadAsync(response);
        Advance(10);

        (await device.PollErrorAsync()).Should().Be("invalid_grant");

        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Is_for_the_app_that_started_it()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        await device.ApproveAsync(person);

        using var response = await device.PollAsync(new OAuthApp(Broker, "another-device-app"));

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Theory]
    [InlineData(BrokerHost.AppId)]
    [InlineData(BrokerHost.PublicAppId)]
    public async Task Is_for_apps_that_are_registered_for_it(string clientId)
    {
        var device = await Device.StartAsync(Broker);

        using var response = await device.PollAsync(new OAuthApp(Broker, clientId));

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
        (await device.PollErrorAsync()).Should().Be("authorization_pending", "another app's poll slows nobody down");
    }

    [Fact]
    public async Task Gives_nothing_for_a_code_that_is_none()
    {
        var app = new OAuthApp(Broker, BrokerHost.DeviceAppId);

        using var response = await app.TokenAsync(new()
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
            ["device_code"] = "BCDF-GHJK",
        });

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Does_not_take_the_code_that_the_person_types()
    {
        var device = await Device.StartAsync(Broker);

        using var response = await device.App.TokenAsync(new()
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
            ["device_code"] = device.UserCode.Replace("-", "", StringComparison.Ordinal),
        });

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    private void Advance(int seconds) => Broker.Clock!.Advance(TimeSpan.FromSeconds(seconds));

    /// <summary>A broker whose clock the tests of this class, one after another, move.</summary>
    public sealed class ClockedBroker : IAsyncLifetime
    {
        public BrokerHost Host { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(
            new()
            {
                ["Apps:50:ClientId"] = "another-device-app",
                ["Apps:50:Name"] = "Another Device App",
                ["Apps:50:GrantTypes:0"] = "urn:ietf:params:oauth:grant-type:device_code",
                ["Apps:50:Scopes:0"] = "openai:chat",
            },
            new FakeTimeProvider(DateTimeOffset.UtcNow));

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
