using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Tests.Authorization;

/// <summary>
/// Twenty at once, fifty times over: one wins, and once a reuse is found out, nothing that the grant gave lives. Each test
/// has a broker of its own, so that what is in its database is what the race left there.
/// </summary>
public sealed class Racing_for_a_token : IAsyncLifetime
{
    private const int Rounds = 50;
    private const int Racers = 20;
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private BrokerHost _broker = null!;

    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(clock: _clock);

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    [Trait("Checklist", "3")]
    public async Task With_one_code_has_one_winner_and_the_replay_kills_what_the_winner_got()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        for (var round = 0; round < Rounds; round++)
        {
            var code = await app.CodeAsync(person);

            var responses = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => app.ExchangeAsync(code)));

            var winner = await OAuthApp.ReadAsync(responses.Should().ContainSingle(r => r.StatusCode == HttpStatusCode.OK, "round {0}", round).Which);
            await IsDeadAsync(app, winner);
            Dispose(responses);
        }

        (await LivingAsync()).Should().Be(0);
    }

    [Fact]
    [Trait("Checklist", "6")]
    public async Task With_one_refresh_token_has_one_successor()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(person);
        for (var round = 0; round < Rounds; round++)
        {
            var used = tokens.RefreshToken;

            var responses = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => app.RefreshAsync(used)));

            var successors = await Task.WhenAll(responses.Select(OAuthApp.ReadAsync));
            successors.Select(s => (s.RefreshToken, s.AccessToken)).Distinct().Should().ContainSingle("round {0}", round);
            tokens = successors[0];
            tokens.RefreshToken.Should().NotBe(used);
            Dispose(responses);
        }

        using var call = await new Api(_broker, tokens.AccessToken).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);
        (await _broker.WithDatabaseAsync(db => db.Tokens.CountAsync(t => t.Type == TokenTypeIdentifiers.RefreshToken && t.Status == Statuses.Valid))).Should().Be(1);
    }

    [Fact]
    [Trait("Checklist", "6")]
    public async Task With_a_used_refresh_token_has_no_winner_and_leaves_nothing_alive()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        for (var round = 0; round < Rounds; round++)
        {
            var first = await app.ConnectAsync(person);
            using var refreshed = await app.RefreshAsync(first.RefreshToken);
            var successor = await OAuthApp.ReadAsync(refreshed);
            _clock.Advance(TimeSpan.FromSeconds(11));

            // The thief and the app at once: the old token and the new one.
            var responses = await Task.WhenAll(Enumerable.Range(0, Racers)
                .Select(i => app.RefreshAsync(i % 4 == 0 ? successor.RefreshToken : first.RefreshToken)));

            await IsDeadAsync(app, successor);
            foreach (var response in responses.Where(r => r.StatusCode == HttpStatusCode.OK))
            {
                // The app may have been a moment before the thief. What it got dies with the rest.
                await IsDeadAsync(app, await OAuthApp.ReadAsync(response));
            }

            Dispose(responses);
        }

        (await LivingAsync()).Should().Be(0);
    }

    private async Task IsDeadAsync(OAuthApp app, Tokens tokens)
    {
        using var call = await new Api(_broker, tokens.AccessToken).GetAsync("/models");
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(refresh)).Should().Be("invalid_grant");
    }

    private Task<int> LivingAsync() => _broker.WithDatabaseAsync(db => db.Tokens.CountAsync(
        t => t.Status == Statuses.Valid && (t.Type == TokenTypeIdentifiers.RefreshToken || t.Type == TokenTypeIdentifiers.AccessToken)));

    private static void Dispose(IEnumerable<HttpResponseMessage> responses)
    {
        foreach (var response in responses)
        {
            response.Dispose();
        }
    }
}
