using System.Net;
using System.Text.RegularExpressions;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

public sealed class Signing_in(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Says_the_same_of_an_unknown_account_and_a_wrong_password()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);

        using var wrong = await browser.SignInAsync(ada.Email, "not the password");
        using var unknown = await browser.SignInAsync("nobody-" + ada.Email, "not the password");
        using var empty = await browser.SignInAsync(ada.Email, "");

        var pages = new List<string>();
        foreach (var response in new[] { wrong, unknown, empty })
        {
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            var page = (await response.Content.ReadAsStringAsync()).Replace("nobody-", "", StringComparison.Ordinal);
            pages.Add(Regex.Replace(page, "name=\"__RequestVerificationToken\"[^>]*", ""));
        }

        pages.Distinct().Should().ContainSingle("not a byte may tell which addresses have accounts");
        pages[0].Should().Contain("do not belong together");
        browser.SessionOf().Should().BeNull();
    }

    [Fact]
    public async Task Records_each_refusal()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);

        using var wrong = await browser.SignInAsync(ada.Email, "not the password");

        (await ada.AuditAsync()).Should().Equal("account.created", "session.started", "session.refused");
    }

    [Theory]
    [InlineData(" {0} ")]
    [InlineData("{1}")]
    public async Task Finds_the_account_however_its_address_is_written(string form)
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);

        using var response = await browser.SignInAsync(string.Format(null, form, ada.Email, ada.Email.ToUpperInvariant()), Person.Password);

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task Gives_a_new_session_and_kills_the_one_that_the_browser_had()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        var before = ada.SessionOf();
        using var copy = ada.Copy();

        using var again = await ada.SignInAsync(ada.Email, Person.Password, "?reauth=1");

        again.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        ada.SessionOf().Should().NotBe(before);
        (await ada.IsSignedInAsync()).Should().BeTrue();
        (await copy.IsSignedInAsync()).Should().BeFalse("whoever planted or copied the old session has nothing");
    }

    [Fact]
    public async Task As_somebody_else_ends_the_first_persons_session_in_this_browser()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var bob = await Person.SignedUpAsync(Broker);
        using var adas = ada.Copy();

        using var response = await ada.SignInAsync(bob.Email, Person.Password, "?reauth=1");

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await adas.IsSignedInAsync()).Should().BeFalse();
        (await ada.PageAsync("/account")).QuerySelector(".lede strong")!.TextContent.Should().Be(bob.Email);
    }

    [Fact]
    public async Task Refuses_a_form_without_its_token_or_from_another_visitor()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);
        using var stranger = new Person(Broker);
        var page = await stranger.PageAsync("/sign-in");

        using var without = await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("Email", ada.Email), KeyValuePair.Create("Password", Person.Password)]),
        });
        using var foreign = await browser.SubmitAsync(page, "/sign-in", new() { ["Email"] = ada.Email, ["Password"] = Person.Password });

        without.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        foreign.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        browser.SessionOf().Should().BeNull();
    }

    [Fact]
    public async Task Is_asked_for_by_every_page_of_a_person()
    {
        using var visitor = new Person(Broker);

        foreach (var path in new[] { "/", "/keys", "/account", "/account/password", "/account/passkeys", "/account/sessions" })
        {
            using var response = await visitor.GetAsync(path);
            response.StatusCode.Should().Be(HttpStatusCode.Found, path);
            response.Headers.Location!.AbsolutePath.Should().Be("/sign-in");
            response.Headers.Location.Query.Should().Be("?returnUrl=" + Uri.EscapeDataString(path));
        }
    }

    [Theory]
    [InlineData("/sign-in")]
    [InlineData("/sign-up")]
    public async Task Is_not_offered_to_who_is_signed_in(string path)
    {
        using var ada = await Person.SignedUpAsync(Broker);

        using var response = await ada.GetAsync(path + "?returnUrl=/keys");

        response.Headers.Location!.OriginalString.Should().Be("/keys");
    }

    [Fact]
    public async Task Survives_a_cookie_of_nonsense()
    {
        using var browser = new Person(Broker);
        browser.Cookies.Add(new Cookie(Browsing.SessionCookie, "CfDJ8nonsense", "/", "localhost"));

        (await browser.IsSignedInAsync()).Should().BeFalse();
        (await browser.PageAsync("/sign-in")).QuerySelector("#Email").Should().NotBeNull();
    }
}
