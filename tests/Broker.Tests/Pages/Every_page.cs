using System.Net;
using System.Text.RegularExpressions;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

public sealed class Every_page(SharedBroker shared)
{
    private static readonly string[] ForVisitors = ["/sign-in", "/sign-up", "/sign-out", "/nothing-here", "/error/500"];
    private static readonly string[] ForPeople = ["/", "/keys", "/credit", "/account", "/account/password", "/connect/verify", "/developer", "/developer/new", "/notices", "/operator/reviews", "/sign-in?reauth=1", "/nothing-here"];

    private BrokerHost Broker => shared.Host;

    [Trait("Checklist", "11")]
    [Fact]
    public async Task Carries_a_strict_policy_and_the_other_headers()
    {
        foreach (var (response, name) in await PagesAsync())
        {
            var policy = response.Headers.GetValues("Content-Security-Policy").Should().ContainSingle(name).Which
                .Split(';', StringSplitOptions.TrimEntries).ToDictionary(part => part.Split(' ')[0], part => part);
            policy["default-src"].Should().Be("default-src 'none'", name);
            policy["script-src"].Should().Be("script-src 'self'", name);
            policy["style-src"].Should().Be("style-src 'self'", name);
            policy["img-src"].Should().Be("img-src 'self' data:", name);
            policy["connect-src"].Should().Be("connect-src 'self'", name);
            policy["base-uri"].Should().Be("base-uri 'none'", name);
            policy["frame-ancestors"].Should().Be("frame-ancestors 'none'", name);
            policy["require-trusted-types-for"].Should().Be("require-trusted-types-for 'script'", name);
            policy["trusted-types"].Should().Be("trusted-types 'none'", name);
            policy["form-action"].Should().Be(name == "consent" ? "form-action 'self' https://app.example" : "form-action 'self'", name);

            response.Headers.GetValues("X-Content-Type-Options").Should().Equal("nosniff");
            response.Headers.GetValues("X-Frame-Options").Should().Equal("DENY");
            response.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
            response.Headers.GetValues("Cross-Origin-Opener-Policy").Should().Equal("same-origin");
            response.Headers.GetValues("Permissions-Policy").Single().Should().Contain("camera=()");
            response.Headers.CacheControl!.NoStore.Should().BeTrue(name);
            response.Headers.Contains("Server").Should().BeFalse(name);
            response.Headers.Contains("X-Powered-By").Should().BeFalse(name);
        }
    }

    [Fact]
    public async Task Loads_nothing_from_elsewhere_and_has_nothing_inline()
    {
        foreach (var (response, name) in await PagesAsync())
        {
            var page = await Person.ParseAsync(response);

            page.QuerySelectorAll("script[src], link[href], img[src], iframe, object, embed, source, video, audio")
                .Select(e => e.GetAttribute("src") ?? e.GetAttribute("href") ?? e.TagName)
                .Should().NotBeEmpty().And.AllSatisfy(url => url.Should().MatchRegex("^/[a-z]", name));
            page.QuerySelectorAll("form").Select(form => form.GetAttribute("action") ?? "/").Where(action => !Regex.IsMatch(action, "^/($|[^/])")).Should().BeEmpty(name);
            foreach (var link in page.QuerySelectorAll("a[href^='http'], a[href^='//']"))
            {
                link.GetAttribute("href").Should().StartWith("https://platform.openai.com/", name);
                link.GetAttribute("rel").Should().Contain("noopener").And.Contain("noreferrer");
            }

            page.QuerySelectorAll("script:not([src]), style, [style], base").Should().BeEmpty(name);
            page.All.SelectMany(e => e.Attributes).Where(a => a.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase)).Should().BeEmpty(name);
            page.QuerySelector("html")!.GetAttribute("lang").Should().Be("en");
            page.QuerySelectorAll("h1").Should().ContainSingle(name);
        }
    }

    [Fact]
    public async Task Loads_assets_that_load_nothing_from_elsewhere()
    {
        using var person = new Person(Broker);
        var page = await person.PageAsync("/sign-in");
        var assets = page.QuerySelectorAll("script[src], link[href]").Select(e => e.GetAttribute("src") ?? e.GetAttribute("href")!).ToList();

        foreach (var asset in assets)
        {
            using var response = await person.GetAsync(asset);
            response.StatusCode.Should().Be(HttpStatusCode.OK, asset);
            response.Headers.GetValues("X-Content-Type-Options").Should().Equal("nosniff");
            if (asset.Contains("?v=", StringComparison.Ordinal))
            {
                response.Headers.CacheControl!.ToString().Should().Contain("immutable");
            }

            var text = await response.Content.ReadAsStringAsync();
            Regex.Matches(text, "(?:https?:)?//[a-z0-9.-]+\\.[a-z]{2,}", RegexOptions.IgnoreCase).Select(match => match.Value)
                .Should().BeSubsetOf(["http://www.w3.org"], asset);
        }
    }

    [Fact]
    public async Task Carries_a_token_against_forgery_in_each_form_that_posts()
    {
        foreach (var (response, name) in await PagesAsync())
        {
            var page = await Person.ParseAsync(response);
            page.QuerySelectorAll("form[method='post']").Where(form => form.QuerySelector("input[name='__RequestVerificationToken']") is null).Should().BeEmpty(name);
        }
    }

    private async Task<List<(HttpResponseMessage Response, string Name)>> PagesAsync()
    {
        using var person = await Person.WithKeyAsync(Broker);
        using var visitor = new Person(Broker);
        await new OAuthApp(Broker, BrokerHost.OtherAppId).ConnectAsync(person);
        List<(HttpResponseMessage, string)> pages = [];
        foreach (var path in ForVisitors)
        {
            pages.Add((await visitor.GetAsync(path), path + " for visitors"));
        }

        foreach (var path in ForPeople)
        {
            pages.Add((await person.GetAsync(path), path));
        }

        var change = (await person.PageAsync("/")).QuerySelector("a[href^='/apps/']")!.GetAttribute("href")!;
        pages.Add((await person.GetAsync(change), "a grant"));
        pages.Add((await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl()), "consent"));
        pages.Add((await visitor.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/sign-in") { Content = new FormUrlEncodedContent([]) }), "a form without its token"));
        pages.Add((await visitor.SignInAsync("nobody@example.com", "not the password"), "a sign-in that failed"));
        pages.Add((await person.SendAsync(new HttpRequestMessage(HttpMethod.Put, "/keys")), "another method"));
        return pages;
    }
}
