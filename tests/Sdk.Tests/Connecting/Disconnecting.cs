using System.Net;
using System.Net.Http.Headers;
using TokenBroker.Sdk;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connecting;

public sealed class Disconnecting(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Ends_the_grant_at_the_broker()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var token = await app.Of("ada").GetAccessTokenAsync();
        (await person.PageAsync("/")).QuerySelector("li[data-app='Sdk App']").Should().NotBeNull();

        using var response = await app.PressAsync(person, "/tokenbroker/disconnect?returnUrl=/bye", "ada");

        response.Headers.Location!.OriginalString.Should().Be("/bye");
        (await app.Of("ada").IsConnectedAsync()).Should().BeFalse();
        var portal = await person.PageAsync("/");
        portal.QuerySelector("li[data-app='Sdk App']").Should().BeNull();
        portal.QuerySelector("section[aria-labelledby='ended']")!.TextContent.Should().Contain("Sdk App");
        using var call = await new Api(Broker, token).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Takes_the_browsers_cookie_back()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(person);
        person.Cookies.GetAllCookies().Should().Contain(cookie => cookie.Name.StartsWith("tokenbroker.app.", StringComparison.Ordinal));

        using var response = await app.PressAsync(person, "/tokenbroker/disconnect");

        person.Cookies.GetAllCookies().Should().NotContain(cookie => cookie.Name.StartsWith("tokenbroker.app.", StringComparison.Ordinal));
        (await Connecting_an_account.IsConnectedAsync(app, person)).Should().BeFalse();
    }

    [Fact]
    public async Task Is_refused_from_anywhere_but_the_apps_own_pages()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        Action<HttpRequestHeaders>[] forgeries =
        [
            _ => { },
            headers => headers.Add("Origin", "https://evil.example"),
            headers => headers.Add("Origin", "null"),
            headers => headers.Add("Origin", app.Address + ".evil.example"),
            headers => headers.Add("Origin", Broker.Address),
            headers => headers.Add("Sec-Fetch-Site", "cross-site"),
            headers => headers.Add("Sec-Fetch-Site", "same-site"),
            headers => headers.Add("Sec-Fetch-Site", "none"),
            headers =>
            {
                headers.Add("Sec-Fetch-Site", "cross-site");
                headers.Add("Origin", app.Address);
            },
        ];

        foreach (var forge in forgeries)
        {
            foreach (var path in new[] { "/tokenbroker/disconnect", "/tokenbroker/connect" })
            {
                using var response = await app.SendAsync(person, HttpMethod.Post, path, "ada", request => forge(request.Headers));
                response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
            }
        }

        (await app.Of("ada").IsConnectedAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Is_taken_from_the_apps_own_page_as_the_browser_says()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        using var response = await app.SendAsync(
            person, HttpMethod.Post, "/tokenbroker/disconnect", "ada", request => request.Headers.Add("Sec-Fetch-Site", "same-origin"));

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await app.Of("ada").IsConnectedAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Cannot_be_asked_for_by_a_link()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        using var response = await app.SendAsync(person, HttpMethod.Get, "/tokenbroker/disconnect", "ada");

        response.StatusCode.Should().Be(HttpStatusCode.MethodNotAllowed);
        (await app.Of("ada").IsConnectedAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Is_no_error_where_the_user_has_ended_it_in_the_portal_or_never_connected()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        await person.PressAsync("Sdk App", "Revoke");

        (await app.Of("ada").DisconnectAsync()).Should().BeTrue();
        (await app.Of("bob").DisconnectAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Drops_the_tokens_and_says_so_where_the_broker_cannot_be_told()
    {
        await using var broker = await BrokerHost.StartAsync();
        await using var app = await AppHost.StartAsync(broker);
        using var person = await app.ConnectedPersonAsync("ada");
        await broker.StopBrokerAsync();

        using var response = await app.PressAsync(person, "/tokenbroker/disconnect?returnUrl=/bye", "ada");

        response.Headers.Location!.OriginalString.Should().Be("/bye?tokenbroker_error=revocation_failed");
        (await app.Of("ada").IsConnectedAsync()).Should().BeFalse();
        var call = () => app.Of("ada").GetAccessTokenAsync();
        await call.Should().ThrowAsync<ConsentRequiredException>();
    }
}
