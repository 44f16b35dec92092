using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 3: a code works once, for a minute, for its own client and redirect URI.</summary>
[Trait("Checklist", "3")]
public sealed class Exchanging_a_code(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Works_once_and_a_replay_kills_what_the_code_gave()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);
        using var first = await app.ExchangeAsync(code);
        var tokens = await OAuthApp.ReadAsync(first);
        var api = new Api(Broker, tokens.AccessToken);
        (await api.GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);

        using var second = await app.ExchangeAsync(code);

        second.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(second)).Should().Be("invalid_grant");
        (await api.GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.Unauthorized, "one of the two who had the code stole it");
        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(refresh)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Gives_tokens_to_exactly_one_of_twenty_at_once()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.ExchangeAsync(code)));

        var winner = responses.Should().ContainSingle(r => r.StatusCode == HttpStatusCode.OK).Which;
        foreach (var loser in responses.Except([winner]))
        {
            loser.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            (await OAuthApp.ErrorAsync(loser)).Should().Be("invalid_grant");
        }

        var tokens = await OAuthApp.ReadAsync(winner);
        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode
            .Should().Be(HttpStatusCode.Unauthorized, "nineteen replays must have ended what the one got");
    }

    [Fact]
    public async Task Is_refused_to_another_app()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);
        var thief = new OAuthApp(Broker, BrokerHost.OtherAppId) { Verifier = app.Verifier };

        using var response = await thief.ExchangeAsync(code);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Theory]
    [InlineData("https://app.example/callback/")]
    [InlineData("https://app.example/other")]
    [InlineData(null)]
    public async Task Is_refused_for_another_redirect_uri(string? redirectUri)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        using var response = await app.ExchangeAsync(code, new() { ["redirect_uri"] = redirectUri });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().BeOneOf("invalid_grant", "invalid_request");
    }

    [Fact]
    public async Task Is_refused_where_it_was_changed()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        using var response = await app.ExchangeAsync((code[0] == 'A' ? 'B' : 'A') + code[1..]);

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Is_over_after_sixty_seconds()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.WithKeyAsync(broker);
        var early = new OAuthApp(broker);
        var earlyCode = await early.CodeAsync(person);
        clock.Advance(TimeSpan.FromSeconds(59));
        using (var intime = await early.ExchangeAsync(earlyCode))
        {
            intime.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var late = new OAuthApp(broker, BrokerHost.OtherAppId);
        var lateCode = await late.CodeAsync(person);
        clock.Advance(TimeSpan.FromSeconds(61));

        using var response = await late.ExchangeAsync(lateCode);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Trait("Checklist", "11")]
    [Fact]
    public async Task Gives_a_response_that_nobody_stores()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);

        using var response = await app.ExchangeAsync(await app.CodeAsync(person));

        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        response.Headers.Pragma.ToString().Should().Contain("no-cache");
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
        var json = (await OAuthApp.ReadAsync(response)).Raw;
        json.GetProperty("token_type").GetString().Should().Be("Bearer");
    }
}
