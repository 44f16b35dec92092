using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>RFC 7009, without the holes that were measured in the stock server.</summary>
public sealed class Revoking_a_token(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Ends_the_grant_where_it_is_the_refresh_token()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);
        var api = new Api(Broker, tokens.AccessToken);
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        using var open = await api.OpenStreamAsync("[[events:5000]] [[delay:20]]");

        using var response = await app.RevokeAsync(tokens.RefreshToken);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        using var call = await api.ChatAsync();
        (await Api.ErrorAsync(call)).Code.Should().Be("grant_revoked");
        (await person.PageAsync("/")).QuerySelector("li[data-app='Test App']").Should().BeNull();
        var readToEnd = () => open.Content.ReadAsStringAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        (await readToEnd.Should().ThrowAsync<Exception>()).Which.Should().NotBeAssignableTo<OperationCanceledException>();
    }

    [Fact]
    public async Task Kills_the_redeemed_predecessor_too()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var first = await app.ConnectAsync(person);
        using var refreshed = await app.RefreshAsync(first.RefreshToken);
        var second = await OAuthApp.ReadAsync(refreshed);

        using var revoked = await app.RevokeAsync(second.RefreshToken);

        using var retry = await app.RefreshAsync(first.RefreshToken);
        (await OAuthApp.ErrorAsync(retry)).Should().Be("invalid_grant", "the leeway must not bring back what was revoked");
        foreach (var token in (string[])[first.AccessToken, second.AccessToken])
        {
            (await new Api(Broker, token).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task Refuses_the_access_token_at_once_while_the_refresh_token_works()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);
        var api = new Api(Broker, tokens.AccessToken);
        (await api.GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);

        using var response = await app.RevokeAsync(tokens.AccessToken);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        using var call = await api.GetAsync("/models");
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(call)).Code.Should().Be("invalid_token");
        using var refreshed = await app.RefreshAsync(tokens.RefreshToken);
        var next = await OAuthApp.ReadAsync(refreshed);
        (await new Api(Broker, next.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(BrokerHost.OtherAppId)]
    [InlineData(BrokerHost.PublicAppId)]
    public async Task Leaves_another_apps_tokens_alone(string stranger)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);

        using var first = await new OAuthApp(Broker, stranger).RevokeAsync(tokens.RefreshToken);
        using var second = await new OAuthApp(Broker, stranger).RevokeAsync(tokens.AccessToken);

        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);
        using var refreshed = await app.RefreshAsync(tokens.RefreshToken);
        refreshed.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("unknown")]
    [InlineData("CfDJ8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task Says_yes_to_an_unknown_token(string token)
    {
        using var response = await new OAuthApp(Broker).RevokeAsync(token);

        // RFC 7009, section 2.2: the client has what it wants.
        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Says_yes_twice()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);

        using var first = await app.RevokeAsync(tokens.RefreshToken);
        using var second = await app.RevokeAsync(tokens.RefreshToken);

        second.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Asks_the_app_who_it_is()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);

        using var response = await new OAuthApp(Broker) { Secret = BrokerHost.OtherAppSecret }.RevokeAsync(tokens.RefreshToken);

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);
    }
}
