using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 1: an answer goes to a registered address or nowhere.</summary>
[Trait("Checklist", "1")]
public sealed class Checking_the_redirect_uri(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    public static TheoryData<string> Variations =>
    [
        "https://app.example/Callback",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "http://app.example/callback",
        "https://app.example/callback/",
        "https://app.example//callback",
        "https://app.example/",
        "https://app.example",
        "https://app.example/callback/../callback",
        "https://app.example/callback%20",
        "https://app.example/callbac%6B",
        "https://app.example/callback?",
        "https://app.example/callback?next=https://evil.example",
        "https://app.example/callback#",
        "https://app.example/callback#fragment",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://app.example./callback",
        "https://sub.app.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example/callback",
        "https://127.0.0.1/callback",
        "/callback",
        "callback",
        "javascript:alert(1)",
        "data:text/html,hello",
        "",
    ];

    [Theory]
    [MemberData(nameof(Variations))]
    public async Task Shows_a_page_and_never_redirects_where_it_is_not_exactly_the_registered_one(string redirectUri)
    {
        using var person = new Person(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["redirect_uri"] = redirectUri }));

        await IsAnErrorPageAsync(response, "'redirect_uri'");
    }

    [Fact]
    public async Task Shows_a_page_where_it_is_missing()
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["redirect_uri"] = null }));

        await IsAnErrorPageAsync(response, "'redirect_uri'");
    }

    [Fact]
    public async Task Shows_a_page_where_two_are_given()
    {
        using var person = new Person(Broker);
        var url = new OAuthApp(Broker).AuthorizeUrl() + "&redirect_uri=https%3A%2F%2Fevil.example%2F";

        using var response = await person.GetAsync(url);

        await IsAnErrorPageAsync(response, "'redirect_uri'");
    }

    [Fact]
    public async Task Shows_a_page_where_the_form_is_changed_to_another_one()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await Consent.ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        using var response = await page.Set("redirect_uri", "https://evil.example/callback").AnswerAsync();

        await IsAnErrorPageAsync(response, "'redirect_uri'");
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("TEST-APP")]
    [InlineData("test-app ")]
    [InlineData("")]
    [InlineData(null)]
    public async Task Shows_a_page_where_the_app_is_not_known(string? clientId)
    {
        using var person = new Person(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["client_id"] = clientId }));

        await IsAnErrorPageAsync(response, "'client_id'");
    }

    [Fact]
    public async Task Never_puts_what_the_request_said_into_the_page()
    {
        using var person = new Person(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new()
        {
            ["client_id"] = "<script>alert(1)</script>",
            ["redirect_uri"] = "https://evil.example/phishing",
            ["state"] = "phishing-state",
        }));

        await IsAnErrorPageAsync(response, "'client_id'");
        (await response.Content.ReadAsStringAsync()).Should().NotContain("alert(1)").And.NotContain("phishing");
    }

    private static async Task IsAnErrorPageAsync(HttpResponseMessage response, string says) =>
        (await ErrorPage.ReadAsync(response)).Should().Contain(says, "the page must say what is wrong");
}
