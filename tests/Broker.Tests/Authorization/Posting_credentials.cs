using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 10: what answers a post with credentials never passes the post on (RFC 9700, section 4.12).</summary>
[Trait("Checklist", "10")]
public sealed class Posting_credentials(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("/sign-up")]
    [InlineData("/sign-in")]
    public async Task On_the_way_to_an_app_is_answered_with_a_303(string page)
    {
        using var person = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);
        var back = "?returnUrl=" + Uri.EscapeDataString(new OAuthApp(Broker).AuthorizeUrl());

        using var response = await browser.PostAsync(page + back, new()
        {
            ["Email"] = page == "/sign-up" ? browser.Email : person.Email,
            ["Password"] = Person.Password,
        });

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, "a 307 would post the password on");
        response.Headers.Location!.OriginalString.Should().StartWith("/connect/authorize?");
        response.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
    }

    [Fact]
    public async Task To_the_authorization_endpoint_for_a_pushed_request_is_answered_with_a_303()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await PushedRequests.Pushing.PushedUrlAsync(new OAuthApp(Broker));

        // OpenID Connect Core, section 3.1.2.1: an app may send the person with a post.
        using var response = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/connect/authorize")
        {
            Content = new FormUrlEncodedContent(Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(url.Split('?')[1])
                .ToDictionary(pair => pair.Key, pair => pair.Value.ToString())),
        });

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        response.Headers.Location!.OriginalString.Should().StartWith("/connect/authorize?");
    }
}
