using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 6: rotation, binding, scopes. What time does to refresh tokens is in <see cref="Reusing_a_refresh_token"/>.</summary>
[Trait("Checklist", "6")]
public sealed class Refreshing_a_token(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Gives_new_tokens_that_work()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var first = await app.ConnectAsync(person);

        using var response = await app.RefreshAsync(first.RefreshToken);

        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        var second = await OAuthApp.ReadAsync(response);
        second.AccessToken.Should().NotBe(first.AccessToken);
        second.RefreshToken.Should().NotBe(first.RefreshToken, "a refresh token is rotated at each use");
        second.Scope.Split(' ').Should().BeEquivalentTo(first.Scope.Split(' '));
        using var call = await new Api(Broker, second.AccessToken).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(BrokerHost.OtherAppId)]
    [InlineData(BrokerHost.PublicAppId)]
    public async Task Is_refused_to_another_app_and_harms_nothing(string thief)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);

        using var stolen = await new OAuthApp(Broker, thief).RefreshAsync(tokens.RefreshToken);

        stolen.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(stolen)).Should().Be("invalid_grant");
        using var own = await app.RefreshAsync(tokens.RefreshToken);
        own.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Can_narrow_the_scope_of_one_access_token()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var first = await app.ConnectAsync(person, "openai:chat openai:models offline_access");

        using var response = await app.RefreshAsync(first.RefreshToken, new() { ["scope"] = "openai:models" });

        var narrow = await OAuthApp.ReadAsync(response);
        narrow.Scope.Should().BeOneOf("", "openai:models");
        var api = new Api(Broker, narrow.AccessToken);
        (await api.GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);
        (await Api.ErrorAsync(await api.ChatAsync())).Code.Should().Be("insufficient_scope");
    }

    [Fact]
    public async Task Keeps_the_scope_of_the_refresh_token_itself()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var first = await app.ConnectAsync(person, "openai:chat openai:models offline_access");
        using var narrow = await app.RefreshAsync(first.RefreshToken, new() { ["scope"] = "openai:models" });

        using var again = await app.RefreshAsync((await OAuthApp.ReadAsync(narrow)).RefreshToken);

        // RFC 6749, section 6: the scope of a new refresh token is that of the one it replaces.
        (await OAuthApp.ReadAsync(again)).Scope.Split(' ').Should().BeEquivalentTo("openai:chat", "openai:models", "offline_access");
    }

    [Fact]
    public async Task Never_widens_the_scope()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person, "openai:models offline_access");

        using var response = await app.RefreshAsync(tokens.RefreshToken, new() { ["scope"] = "openai:models openai:chat" });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().BeOneOf("invalid_grant", "invalid_scope");
    }

    [Fact]
    public async Task Loses_what_the_user_has_narrowed_since()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var wide = await app.ConnectAsync(person, "openai:chat openai:models offline_access");
        var page = await Consent.ConsentPage.OpenAsync(
            person, app.AuthorizeUrl("openai:chat openai:models offline_access", new() { ["prompt"] = "consent" }));
        await page.Untick("Form.Scopes", "openai:chat").ApproveAsync(app);

        using var response = await app.RefreshAsync(wide.RefreshToken);

        (await OAuthApp.ReadAsync(response)).Scope.Should().NotContain("openai:chat");
        (await Api.ErrorAsync(await new Api(Broker, wide.AccessToken).ChatAsync())).Code.Should().Be("insufficient_scope");
    }

    [Fact]
    public async Task Gives_one_successor_to_twenty_at_once()
    {
        // However long the twenty take, they come inside the leeway: this clock stands still.
        await using var broker = await BrokerHost.StartAsync(clock: new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var token = (await app.ConnectAsync(person)).RefreshToken;
        for (var round = 0; round < 4; round++)
        {
            var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.RefreshAsync(token)));

            var bodies = new HashSet<string>();
            foreach (var response in responses)
            {
                response.StatusCode.Should().Be(HttpStatusCode.OK, "all came inside the leeway: " + await response.Content.ReadAsStringAsync());
                response.Headers.CacheControl!.NoStore.Should().BeTrue();
                bodies.Add(Convert.ToHexString(await response.Content.ReadAsByteArrayAsync()));
            }

            bodies.Should().ContainSingle("twenty uses of one token have one successor");
            token = (await responses[0].Content.ReadFromJsonAsync<JsonElement>()).GetProperty("refresh_token").GetString()!;
        }

        using var last = await app.RefreshAsync(token);
        (await new Api(broker, (await OAuthApp.ReadAsync(last)).AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("CfDJ8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task Refuses_what_is_no_refresh_token(string token)
    {
        using var response = await new OAuthApp(Broker).RefreshAsync(token);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().BeOneOf("invalid_grant", "invalid_request");
    }

    [Fact]
    public async Task Refuses_an_access_token_in_its_place()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);

        using var response = await app.RefreshAsync(tokens.AccessToken);

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Keeps_tokens_while_the_grant_is_paused()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person);
        await person.PressAsync("Test App", "Pause");
        (await Api.ErrorAsync(await new Api(Broker, tokens.AccessToken).ChatAsync())).Code.Should().Be("grant_paused");

        await person.PressAsync("Test App", "Pause");

        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }
}
