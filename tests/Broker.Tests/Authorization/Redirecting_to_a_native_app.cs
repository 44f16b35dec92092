using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 1: a loopback port is free for native apps alone, and nothing else is free (RFC 8252, section 7).</summary>
[Trait("Checklist", "1")]
public sealed class Redirecting_to_a_native_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    private OAuthApp App => new(Broker, BrokerHost.NativeAppId);

    [Theory]
    [InlineData("http://127.0.0.1:53123/callback", "http://127.0.0.1:53123")]
    [InlineData("http://127.0.0.1:1/callback", "http://127.0.0.1:1")]
    [InlineData("http://127.0.0.1:65535/callback", "http://127.0.0.1:65535")]
    [InlineData("http://127.0.0.1/callback", "http://127.0.0.1")]
    [InlineData("http://[::1]:53123/callback", "http:")]
    [InlineData("http://localhost:53123/callback", "http://localhost:53123")]
    [InlineData("com.example.native:/callback", "com.example.native:")]
    [InlineData("https://native.example/callback", "https://native.example")]
    public async Task Works_for_what_is_registered_on_any_loopback_port(string redirectUri, string formTarget)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        var url = app.AuthorizeUrl(change: new() { ["redirect_uri"] = redirectUri });
        using var shown = await person.GetAsync(url);
        shown.Headers.GetValues("Content-Security-Policy").Single().Should().EndWith($"form-action 'self' {formTarget}");

        using var answer = await (await ConsentPage.OpenAsync(person, url)).AnswerAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        answer.Headers.Location!.OriginalString.Should().StartWith(redirectUri + "?code=");
        var code = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(answer.Headers.Location.OriginalString.Split('?')[1])["code"].ToString();
        using var tokens = await app.ExchangeAsync(code, new() { ["redirect_uri"] = redirectUri });
        await OAuthApp.ReadAsync(tokens);
    }

    public static TheoryData<string> Variations =>
    [
        "http://127.0.0.1:53123/Callback",
        "http://127.0.0.1:53123/callback/",
        "http://127.0.0.1:53123//callback",
        "http://127.0.0.1:53123/a/../callback",
        "http://127.0.0.1:53123/%63allback",
        "http://127.0.0.1:53123/callback?",
        "http://127.0.0.1:53123/callback?next=/callback",
        "http://127.0.0.1:53123/callback#",
        "http://127.0.0.1:53123/other/callback",
        "http://127.0.0.1:53123",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:00080/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:+80/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1:80.evil.example/callback",
        "http://127.0.0.1.evil.example:53123/callback",
        "http://user@127.0.0.1:53123/callback",
        "http://127.1:53123/callback",
        "http://2130706433:53123/callback",
        "http://127.0.0.2:53123/callback",
        "http://[0:0:0:0:0:0:0:1]:53123/callback",
        "http://[::ffff:127.0.0.1]:53123/callback",
        "http://LOCALHOST:53123/callback",
        "http://localhost.:53123/callback",
        "HTTP://127.0.0.1:53123/callback",
        "https://127.0.0.1:53123/callback",
        "https://native.example:8443/callback",
        "https://native.example/callback/",
        "com.example.native:/callback/",
        "com.example.native:/Callback",
        "COM.example.native:/callback",
        "com.example.native://callback",
        "com.example.native.evil:/callback",
        "com.example.other:/callback",
    ];

    [Theory]
    [MemberData(nameof(Variations))]
    public async Task Shows_a_page_and_never_redirects_elsewhere(string redirectUri)
    {
        using var person = new Person(Broker);

        using var response = await person.GetAsync(App.AuthorizeUrl(change: new() { ["redirect_uri"] = redirectUri }));

        (await ErrorPage.ReadAsync(response)).Should().Contain("'redirect_uri'");
    }

    [Fact]
    public async Task Leaves_no_port_free_to_a_web_app()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Apps:0:RedirectUris:0"] = "http://127.0.0.1/callback" });
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);

        using var another = await person.GetAsync(app.AuthorizeUrl(change: new() { ["redirect_uri"] = "http://127.0.0.1:53123/callback" }));

        (await ErrorPage.ReadAsync(another)).Should().Contain("'redirect_uri'");
        await ConsentPage.OpenAsync(person, app.AuthorizeUrl(change: new() { ["redirect_uri"] = "http://127.0.0.1/callback" }));
    }

    [Fact]
    public async Task Takes_the_code_with_the_same_port_only()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = App;
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl(change: new() { ["redirect_uri"] = "http://127.0.0.1:53123/callback" }));
        using var answer = await page.AnswerAsync();

        using var response = await app.ExchangeAsync(
            ConsentPage.ParametersOf(answer)["code"], new() { ["redirect_uri"] = "http://127.0.0.1:53124/callback" });

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_grant");
    }

    [Theory]
    [InlineData("http://127.0.0.1:53123/callback", "an app on this computer")]
    [InlineData("http://localhost:53123/callback", "an app on this computer")]
    [InlineData("com.example.native:/callback", "an app on this device (com.example.native)")]
    [InlineData("https://native.example/callback", "native.example")]
    public async Task Tells_the_person_where_they_go_in_words(string redirectUri, string words)
    {
        using var person = await Person.WithKeyAsync(Broker);

        var page = await ConsentPage.OpenAsync(person, App.AuthorizeUrl(change: new() { ["redirect_uri"] = redirectUri }));

        page.Text.Should().Contain($"You will go back to {words}").And.NotContain("53123");
    }

    [Fact]
    [Trait("Checklist", "10")]
    public async Task Asks_the_person_each_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = App.AuthorizeUrl(change: new() { ["redirect_uri"] = "http://127.0.0.1:53123/callback" });
        using var first = await (await ConsentPage.OpenAsync(person, url)).AnswerAsync();
        first.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        using var again = await person.GetAsync(url);

        again.StatusCode.Should().Be(HttpStatusCode.OK, "anybody on the computer can pose as this app");
    }
}
