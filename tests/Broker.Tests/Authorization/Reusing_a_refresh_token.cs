using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>
/// Checklist 6, the second half: a used refresh token inside the leeway is a lost answer, outside it a theft. Each
/// test has its own people on one broker whose clock only this class moves; so they run one after the other.
/// </summary>
[Trait("Checklist", "6")]
public sealed class Reusing_a_refresh_token : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private BrokerHost _broker = null!;

    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(clock: _clock);

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task Gives_the_same_successor_inside_the_leeway()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);
        _clock.Advance(TimeSpan.FromSeconds(9));

        using var second = await app.RefreshAsync(tokens.RefreshToken);

        second.StatusCode.Should().Be(HttpStatusCode.OK);
        (await second.Content.ReadAsByteArrayAsync()).Should().Equal(await first.Content.ReadAsByteArrayAsync());
        second.Headers.CacheControl!.NoStore.Should().BeTrue();
        second.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
    }

    [Fact]
    public async Task Gives_the_successor_to_its_own_app_alone()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);

        using var thief = await new OAuthApp(_broker, BrokerHost.OtherAppId).RefreshAsync(tokens.RefreshToken);

        (await OAuthApp.ErrorAsync(thief)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Ends_the_grant_outside_the_leeway()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);
        var successor = await OAuthApp.ReadAsync(first);
        using var open = await new Api(_broker, successor.AccessToken).OpenStreamAsync("[[events:5000]] [[delay:20]]");
        open.StatusCode.Should().Be(HttpStatusCode.OK);
        _clock.Advance(TimeSpan.FromSeconds(11));

        using var reuse = await app.RefreshAsync(tokens.RefreshToken);

        reuse.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(reuse)).Should().Be("invalid_grant");
        await IsCutAsync(open);
        foreach (var token in (string[])[tokens.AccessToken, successor.AccessToken])
        {
            (await new Api(_broker, token).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }

        using var after = await app.RefreshAsync(successor.RefreshToken);
        (await OAuthApp.ErrorAsync(after)).Should().Be("invalid_grant");
        (await person.PageAsync("/")).QuerySelector("li[data-app='Test App']").Should().BeNull("the grant has ended");
    }

    [Fact]
    public async Task Gives_nothing_inside_the_leeway_once_the_grant_has_ended()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);
        await person.PressAsync("Test App", "Revoke");

        using var second = await app.RefreshAsync(tokens.RefreshToken);

        (await OAuthApp.ErrorAsync(second)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Gives_twenty_thieves_nothing_outside_the_leeway()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);
        _clock.Advance(TimeSpan.FromSeconds(30));

        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.RefreshAsync(tokens.RefreshToken)));

        responses.Should().OnlyContain(r => r.StatusCode == HttpStatusCode.BadRequest);
    }

    private static async Task IsCutAsync(HttpResponseMessage open)
    {
        var readToEnd = () => open.Content.ReadAsStringAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        (await readToEnd.Should().ThrowAsync<Exception>()).Which.Should().NotBeAssignableTo<OperationCanceledException>("the broker must cut the stream by itself");
    }
}
