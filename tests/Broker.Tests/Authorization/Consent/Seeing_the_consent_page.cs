using System.Net;
using AngleSharp.Html.Dom;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

public sealed class Seeing_the_consent_page(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Trait("Checklist", "10")]
    [Fact]
    public async Task Shows_who_asks_where_it_goes_and_what_for_in_words()
    {
        using var person = await Person.WithKeyAsync(Broker);

        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl("openai:chat openai:models openid email offline_access"));

        page.Document.QuerySelector("h1")!.TextContent.Should().Contain("Test App");
        page.Text.Should().Contain("app.example", "the person must see where they go back to").And.Contain(person.Email);
        var boxes = page.Document.QuerySelectorAll("input[name='Form.Scopes']").OfType<IHtmlInputElement>().ToDictionary(b => b.Value, b => b.Closest("label")!.TextContent.Trim());
        boxes.Keys.Should().BeEquivalentTo("openai:chat", "openai:models", "email");
        boxes.Values.Should().OnlyContain(words => words.Length > 20 && !words.Contains("openai:"), "scopes are put in words");
    }

    [Fact]
    public async Task Says_once_that_the_app_needs_all_it_asks_for_and_sets_the_whole_account_apart()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var body = Developer.AppBody();
        body["scopes"] = new[] { "openai:chat", "openai:files", "openai:account" };
        body["optional_scopes"] = Array.Empty<string>();
        body["homepage_url"] = "https://home.example";
        var app = await developer.NewAppAsync(body);

        var page = await ConsentPage.OpenAsync(developer.Person, app.AuthorizeUrl("openai:chat openai:files openai:account"));

        page.Document.QuerySelector(".checks .hint")!.TextContent.Should().Be("The app does not work without all of these.");
        page.Document.QuerySelectorAll(".check-fixed").Should().HaveCount(3).And.NotContain(row => row.TextContent.Contains("does not work"));
        page.Document.QuerySelectorAll(".check-careful").Should().ContainSingle().Which.TextContent.Should().Contain("Careful");
        page.Document.QuerySelector("main")!.TextContent.Should().NotMatchRegex(@"\.(The|Signed)", "two sentences have a space between them");
    }

    [Fact]
    public async Task Shows_no_scope_that_was_not_asked_for()
    {
        using var person = await Person.WithKeyAsync(Broker);

        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl("openai:models"));

        page.Values("Form.Scopes").Should().Equal("openai:models");
    }

    [Fact]
    public async Task Shows_of_the_key_no_more_than_its_end()
    {
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(Broker, key);

        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        page.Text.Should().Contain(key[^4..]).And.NotContain(key[^5..]);
    }

    [Fact]
    public async Task Shows_no_other_persons_keys()
    {
        using var neighbour = await Person.WithKeyAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);

        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        page.Document.QuerySelectorAll("input[name='Form.KeyId']:not([value='new'])").Should().ContainSingle();
    }

    [Trait("Checklist", "10")]
    [Trait("Checklist", "11")]
    [Fact]
    public async Task Cannot_be_framed_or_leak_its_address_or_post_elsewhere()
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl());

        var policy = response.Headers.GetValues("Content-Security-Policy").Should().ContainSingle().Which;
        var directives = policy.Split(';', StringSplitOptions.TrimEntries).ToDictionary(d => d.Split(' ')[0], d => d);
        directives["frame-ancestors"].Should().Be("frame-ancestors 'none'");
        directives["default-src"].Should().Be("default-src 'none'");
        directives["script-src"].Should().Be("script-src 'self'");
        directives["form-action"].Should().Be("form-action 'self' https://app.example", "the answer goes on to the app's origin and to no other");
        response.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
        response.Headers.GetValues("X-Content-Type-Options").Should().Equal("nosniff");
        response.Headers.GetValues("X-Frame-Options").Should().Equal("DENY");
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
    }

    [Fact]
    public async Task Encodes_an_apps_name()
    {
        const string Name = "<img src=x onerror=alert(1)>\"'&";
        await using var broker = await BrokerHost.StartAsync(new() { ["Apps:0:Name"] = Name });
        using var person = await Person.WithKeyAsync(broker);

        var app = new OAuthApp(broker);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());
        await page.ApproveAsync(app);
        var portal = await person.PageAsync("/");

        page.Document.QuerySelector("h1")!.TextContent.Should().Contain(Name);
        portal.QuerySelector(".row-title")!.TextContent.Should().Be(Name);
        page.Document.QuerySelectorAll("img[src='x'], [onerror]").Should().BeEmpty();
        portal.QuerySelectorAll("img[src='x'], [onerror]").Should().BeEmpty();
        person.Received.Should().NotContain(text => text.Contains("<img src=x", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Encodes_what_the_request_carries()
    {
        using var person = await Person.WithKeyAsync(Broker);
        const string State = "\"><script>alert(1)</script>";

        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl(change: new() { ["state"] = State }));

        page.Values("state").Should().Equal(State);
        page.Document.QuerySelectorAll("script:not([src])").Should().BeEmpty();
        using var answer = await page.AnswerAsync();
        ConsentPage.ParametersOf(answer)["state"].Should().Be(State);
    }

    [Fact]
    public async Task Comes_after_a_sign_in_for_who_is_not_signed_in()
    {
        string email;
        using (var earlier = await Person.WithKeyAsync(Broker))
        {
            email = earlier.Email;
        }

        using var person = new Person(Broker);
        var url = new OAuthApp(Broker).AuthorizeUrl();
        using var toSignIn = await person.GetAsync(url);
        toSignIn.StatusCode.Should().Be(HttpStatusCode.Found);
        var signIn = toSignIn.Headers.Location!.ToString();
        signIn.Should().StartWith("/sign-in?returnUrl=%2Fconnect%2Fauthorize");

        using var signedIn = await person.PostAsync(signIn, new() { ["Email"] = email, ["Password"] = Person.Password });

        signedIn.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        var page = await ConsentPage.OpenAsync(person, signedIn.Headers.Location!.ToString());
        page.Text.Should().Contain("Test App");
        using var answer = await page.AnswerAsync();
        ConsentPage.ParametersOf(answer).Should().ContainKey("code");
    }

    [Fact]
    public async Task Comes_after_a_sign_up_too()
    {
        using var person = new Person(Broker);
        using var toSignIn = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl());
        var toSignUp = (await person.PageAsync(toSignIn.Headers.Location!.ToString())).QuerySelector("a[href^='/sign-up']")!.GetAttribute("href")!;

        using var signedUp = await person.PostAsync(toSignUp, new() { ["Email"] = person.Email, ["Password"] = Person.Password });

        var page = await ConsentPage.OpenAsync(person, signedUp.Headers.Location!.ToString());
        page.Text.Should().Contain("Test App");
    }
}
