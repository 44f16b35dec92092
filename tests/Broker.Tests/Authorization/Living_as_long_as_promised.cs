using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Access tokens 30 minutes, refresh tokens 24 hours from their last use, and the grant's end before all.</summary>
public sealed class Living_as_long_as_promised : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private BrokerHost _broker = null!;

    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(clock: _clock);

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task An_access_token_works_for_thirty_minutes()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var tokens = await new OAuthApp(_broker).ConnectAsync(person);
        var used = new Api(_broker, tokens.AccessToken);
        tokens.ExpiresIn.Should().BeInRange(1799, 1800);
        (await used.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);

        _clock.Advance(TimeSpan.FromMinutes(30) - TimeSpan.FromSeconds(2));
        (await used.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        _clock.Advance(TimeSpan.FromSeconds(3));

        (await Api.ErrorAsync(await used.ChatAsync())).Code.Should().Be("invalid_token");
    }

    [Fact]
    public async Task An_access_token_that_was_never_used_is_as_mortal()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var tokens = await new OAuthApp(_broker).ConnectAsync(person);
        _clock.Advance(TimeSpan.FromMinutes(30) + TimeSpan.FromSeconds(1));

        (await Api.ErrorAsync(await new Api(_broker, tokens.AccessToken).ChatAsync())).Code.Should().Be("invalid_token");
    }

    [Fact]
    public async Task A_refresh_token_works_for_a_day_from_its_last_use()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var token = (await app.ConnectAsync(person)).RefreshToken;
        for (var day = 0; day < 3; day++)
        {
            _clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(5));
            using var inTime = await app.RefreshAsync(token);
            token = (await OAuthApp.ReadAsync(inTime)).RefreshToken;
        }

        _clock.Advance(TimeSpan.FromHours(24) + TimeSpan.FromSeconds(5));

        using var late = await app.RefreshAsync(token);
        (await OAuthApp.ErrorAsync(late)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task No_token_outlives_a_grant_of_one_day()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var first = await app.ConnectAsync(person, answer: new() { ["Form.LifetimeDays"] = "1" });
        _clock.Advance(TimeSpan.FromHours(23) + TimeSpan.FromMinutes(50));

        using var late = await app.RefreshAsync(first.RefreshToken);
        var last = await OAuthApp.ReadAsync(late);

        last.ExpiresIn.Should().BeInRange(1, 600, "ten minutes are left of the grant");
        var api = new Api(_broker, last.AccessToken);
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        _clock.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(1));
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var tooLate = await app.RefreshAsync(last.RefreshToken);
        (await OAuthApp.ErrorAsync(tooLate)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task A_code_is_worth_nothing_after_the_grant_was_ended()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var code = await app.CodeAsync(person);
        await person.PressAsync("Test App", "Revoke");

        using var response = await app.ExchangeAsync(code);

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }
}
