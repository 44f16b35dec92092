using System.Net;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connecting;

public sealed class Coming_back_to_the_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("///evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("\\/evil.example")]
    [InlineData("\\\\evil.example")]
    [InlineData("/\t/evil.example")]
    [InlineData("/\n/evil.example")]
    [InlineData("/chat\r\nSet-Cookie: planted=1")]
    [InlineData(" /chat")]
    [InlineData("https://evil.example")]
    [InlineData("https:evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("data:text/html,evil")]
    [InlineData("evil.example")]
    [InlineData("~/chat")]
    [InlineData("%2f%2fevil.example")]
    [InlineData("")]
    public async Task Never_leads_to_another_place(string returnUrl)
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = new Person(Broker);

        foreach (var path in new[] { "/tokenbroker/connect", "/tokenbroker/disconnect" })
        {
            using var inQuery = await app.PressAsync(person, path + "?returnUrl=" + Uri.EscapeDataString(returnUrl));
            using var inForm = await app.SendAsync(person, HttpMethod.Post, path, change: request =>
            {
                request.Headers.Add("Origin", app.Address);
                request.Content = new FormUrlEncodedContent([KeyValuePair.Create("returnUrl", returnUrl)]);
            });

            inQuery.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            inForm.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            inQuery.Headers.Location.Should().BeNull();
            inForm.Headers.Location.Should().BeNull();
        }
    }

    [Fact]
    public async Task Refuses_an_address_that_would_not_fit_into_a_cookie()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = new Person(Broker);

        using var response = await app.SendAsync(person, HttpMethod.Get, "/tokenbroker/connect?returnUrl=/" + new string('a', 2000));

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("/chat?tab=1&page=2#end", "/chat?tab=1&page=2#end")]
    [InlineData("/a//b", "/a//b")]
    [InlineData("/?next=https://evil.example", "/?next=https://evil.example")]
    [InlineData("/caf\u00e9/\u65e5\u672c?q=\u00fc", "/caf%C3%A9/%E6%97%A5%E6%9C%AC?q=%C3%BC")]
    [InlineData("/done%20it", "/done%20it")]
    [InlineData("/done it", "/done%20it")]
    public async Task Leads_to_the_page_that_was_asked_for(string returnUrl, string location)
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var authorize = await app.BeginAsync(person, query: "?returnUrl=" + Uri.EscapeDataString(returnUrl));

        using var response = await app.OpenAsync(person, await app.AnswerAsync(person, authorize));

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        response.Headers.Location!.OriginalString.Should().Be(location);
    }

    [Fact]
    public async Task Leads_to_the_apps_root_or_its_default_where_none_was_asked_for()
    {
        await using var plain = await AppHost.StartAsync(Broker);
        await using var own = await AppHost.StartAsync(Broker, new AppSettings { Options = options => options.DefaultReturnUrl = "/start" });
        using var person = new Person(Broker);

        using var toRoot = await plain.PressAsync(person, "/tokenbroker/disconnect");
        using var toDefault = await own.PressAsync(person, "/tokenbroker/disconnect");

        toRoot.Headers.Location!.OriginalString.Should().Be("/");
        toDefault.Headers.Location!.OriginalString.Should().Be("/start");
    }

    [Fact]
    public async Task Keeps_the_query_of_the_page_beside_the_error()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var authorize = await app.BeginAsync(person, query: "?returnUrl=" + Uri.EscapeDataString("/chat?tab=1#end"));

        using var response = await app.OpenAsync(person, await app.AnswerAsync(person, authorize, new() { ["Form.Decision"] = "deny" }));

        response.Headers.Location!.OriginalString.Should().Be("/chat?tab=1&tokenbroker_error=access_denied#end");
    }

    [Fact]
    public async Task Keeps_the_answer_out_of_caches_and_referrers()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        using var start = await app.SendAsync(person, HttpMethod.Get, "/tokenbroker/connect");

        using var end = await app.OpenAsync(person, await app.AnswerAsync(person, start.Headers.Location!));

        foreach (var response in new[] { start, end })
        {
            response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
            response.Headers.CacheControl!.NoStore.Should().BeTrue();
            response.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
        }
    }
}
