using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

/// <summary>A link in a mail must not lead through our sign-in to a page that imitates us.</summary>
public sealed class Going_on_after_the_sign_in(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    public static TheoryData<string> Elsewhere => new(
        "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
        "https:evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example", "/\t/evil.example", "/\n/evil.example",
        "\u0001//evil.example", "%2f%2fevil.example", "http://localhost@evil.example", "~//evil.example", "~/\\evil.example", "");

    [Theory]
    [MemberData(nameof(Elsewhere))]
    public async Task Never_leads_to_another_host(string returnUrl)
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);
        var query = "?returnUrl=" + Uri.EscapeDataString(returnUrl);

        using var signIn = await browser.SignInAsync(ada.Email, Person.Password, query);
        using var signedIn = await browser.GetAsync("/sign-in" + query);
        using var signUp = await browser.GetAsync("/sign-up" + query);

        signIn.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        foreach (var response in new[] { signIn, signedIn, signUp })
        {
            response.Headers.Location!.OriginalString.Should().Be("/");
        }
    }

    [Theory]
    [MemberData(nameof(Elsewhere))]
    public async Task Writes_no_foreign_address_into_the_page(string returnUrl)
    {
        using var browser = new Person(Broker);

        foreach (var path in new[] { "/sign-in", "/sign-up" })
        {
            var page = await browser.PageAsync(path + "?returnUrl=" + Uri.EscapeDataString(returnUrl));
            page.QuerySelectorAll("a[href], form[action], [data-finish]")
                .Select(e => (e.GetAttribute("href") ?? e.GetAttribute("action")) + e.GetAttribute("data-finish"))
                .Should().NotContain(url => url.Contains("evil", StringComparison.Ordinal) || url.Contains("alert", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("/keys", "/keys")]
    [InlineData("/keys?a=1&b=2", "/keys?a=1&b=2")]
    [InlineData("/keys?name=caf\u00e9", "/keys?name=caf%C3%A9")]
    [InlineData("/\u65e5\u672c", "/%E6%97%A5%E6%9C%AC")]
    public async Task Leads_to_the_page_that_was_asked_for(string returnUrl, string location)
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);

        using var response = await browser.SignInAsync(ada.Email, Person.Password, "?returnUrl=" + Uri.EscapeDataString(returnUrl));

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        response.Headers.Location!.OriginalString.Should().Be(location);
    }

    [Fact]
    public async Task Leads_from_the_sign_up_as_well()
    {
        using var person = new Person(Broker);

        using var response = await person.SignUpAsync(person.Email, Person.Password, "?returnUrl=/keys");

        response.Headers.Location!.OriginalString.Should().Be("/keys");
    }
}
