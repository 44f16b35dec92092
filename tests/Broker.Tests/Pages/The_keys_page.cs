using System.Net;
using AngleSharp.Dom;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

public sealed class The_keys_page(SharedBroker shared)
{
    private const string AddForm = "form[action='/keys']:has(#NewKey)";

    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("sk-test-", "Stored. OpenAI accepts the key.", "Working")]
    [InlineData("sk-test-restricted-", "it is a restricted one that may not list models", "Restricted key")]
    [InlineData("sk-test-quota-", "Stored. OpenAI accepts the key.", "Working")]
    public async Task Stores_a_key_and_says_what_the_provider_said(string prefix, string flash, string state)
    {
        using var person = await Person.SignedUpAsync(Broker);
        var key = prefix + BrokerHost.NewKey()[8..];

        (await person.AddKeyAsync(key, "Personal")).Should().BeNull();

        var page = await person.PageAsync("/keys");
        Flash(page).Should().Contain(flash);
        var row = page.QuerySelectorAll("ul[aria-label='Your keys'] > li").Should().ContainSingle().Which;
        row.QuerySelector(".row-title")!.TextContent.Should().Be("Personal");
        row.QuerySelector(".mono")!.TextContent.Should().Be("\u00b7\u00b7\u00b7\u00b7" + key[^4..]);
        row.QuerySelector(".badge")!.TextContent.Should().Be(state);
        person.Received.Should().NotContain(text => text.Contains(key, StringComparison.Ordinal), "a key never comes back");
        (await person.AuditAsync()).Should().Contain("key.stored");
    }

    [Fact]
    public async Task Does_not_store_a_key_that_the_provider_refuses_and_does_not_show_it_again()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var key = "sk-test-revoked-" + BrokerHost.NewKey()[8..];

        (await person.AddKeyAsync(key)).Should().StartWith("OpenAI does not know this key");

        await KeepsNothingAsync(person, key);
    }

    [Theory]
    [InlineData("", "Paste the key.")]
    [InlineData("   ", "Paste the key.")]
    [InlineData("sk-short", "This is not a key")]
    [InlineData("sk-canary with spaces 0123456789", "This is not a key")]
    [InlineData("sk-canary-line\r\nbreak-0123456789", "This is not a key")]
    [InlineData("sk-canary-\u00e9\u00e9-0123456789", "This is not a key")]
    [InlineData("canary-0123456789-0123456789", "A key of OpenAI starts with 'sk-'")]
    [InlineData("Bearer sk-canary-0123456789", "This is not a key")]
    public async Task Refuses_what_is_no_key_and_does_not_show_it_again(string text, string complaint)
    {
        using var person = await Person.SignedUpAsync(Broker);

        (await person.AddKeyAsync(text)).Should().StartWith(complaint);

        await KeepsNothingAsync(person, "canary");
    }

    [Fact]
    public async Task Refuses_a_key_that_is_too_long()
    {
        using var person = await Person.SignedUpAsync(Broker);

        (await person.AddKeyAsync("sk-canary-" + new string('k', 600))).Should().StartWith("This is not a key");

        await KeepsNothingAsync(person, "canary");
    }

    [Fact]
    public async Task Refuses_a_name_that_looks_like_a_key()
    {
        using var person = await Person.SignedUpAsync(shared.Host);
        var key = BrokerHost.NewKey();

        (await person.AddKeyAsync(key, label: key)).Should().Contain("looks like a key");
        (await person.AddKeyAsync(BrokerHost.NewKey(), label: key)).Should().Contain("looks like a key");

        (await person.PageAsync("/keys")).Body!.TextContent.Should().Contain("No key yet");
    }

    [Fact]
    public async Task Takes_a_key_with_blanks_around_it()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var key = BrokerHost.NewKey();

        (await person.AddKeyAsync($"  {key}\n")).Should().BeNull();

        (await person.PageAsync("/keys")).QuerySelector(".mono")!.TextContent.Should().EndWith(key[^4..]);
    }

    [Fact]
    public async Task Stores_a_key_unchecked_while_the_provider_cannot_be_reached()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = "http://127.0.0.1:1/v1" });
        using var person = await Person.SignedUpAsync(broker);
        var key = BrokerHost.NewKey();

        (await person.AddKeyAsync(key)).Should().BeNull();

        var page = await person.PageAsync("/keys");
        Flash(page).Should().Be("Stored, but OpenAI did not answer, so the key could not be checked yet.");
        page.QuerySelector(".badge")!.TextContent.Should().Be("Not checked yet");
        broker.Log.Lines.Should().NotContain(line => line.Contains(key, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Names_the_apps_that_a_deletion_stops_and_stops_them()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);
        (await person.PageAsync("/keys")).QuerySelector("form[action*='handler=Delete'] p")!.TextContent.Should().Contain("One app uses this key.");

        using var response = await person.PostAsync("/keys", [], "form[action*='handler=Delete']");

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        var page = await person.PageAsync("/keys");
        Flash(page).Should().Be("The key is deleted. One app that used it can call nothing now.");
        page.QuerySelector(".empty h2")!.TextContent.Should().Be("No key yet");
        using var call = await new Api(Broker, tokens.AccessToken).ChatAsync();
        (await Api.ErrorAsync(call)).Code.Should().Be("upstream_key_rejected");
        (await person.PageAsync("/")).QuerySelector("li[data-app='Test App'] .badge")!.TextContent.Should().Be("No key");
        (await person.AuditAsync()).Should().Contain("key.deleted");
    }

    [Fact]
    public async Task Deletes_a_key_once()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await person.PageAsync("/keys");
        using var first = await person.SubmitAsync(page, "/keys", [], "form[action*='handler=Delete']");

        using var second = await person.SubmitAsync(page, "/keys", [], "form[action*='handler=Delete']");

        second.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Keeps_twenty_keys_and_no_more_even_if_asked_at_once()
    {
        using var person = await Person.SignedUpAsync(Broker);
        for (var i = 0; i < 17; i++)
        {
            (await person.AddKeyAsync(BrokerHost.NewKey())).Should().BeNull();
        }

        var pages = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => person.PageAsync("/keys")));
        var responses = await Task.WhenAll(pages.Select(page =>
            person.SubmitAsync(page, "/keys", new() { ["NewKey"] = BrokerHost.NewKey() }, AddForm)));

        responses.Count(response => response.StatusCode == HttpStatusCode.SeeOther).Should().Be(3);
        (await person.PageAsync("/keys")).QuerySelectorAll("ul[aria-label='Your keys'] > li").Should().HaveCount(20);
        (await person.AddKeyAsync(BrokerHost.NewKey())).Should().StartWith("You have 20 keys, the most that one account keeps.");
    }

    [Fact]
    public async Task Shows_a_name_as_text_on_one_line()
    {
        using var person = await Person.SignedUpAsync(Broker);

        (await person.AddKeyAsync(BrokerHost.NewKey(), "<img src=x onerror=alert(1)>\r\nsecond \u202e line")).Should().BeNull();
        (await person.AddKeyAsync(BrokerHost.NewKey(), new string('a', 79) + "\ud83e\udda6 otter")).Should().BeNull();
        (await person.AddKeyAsync(BrokerHost.NewKey(), "   ")).Should().BeNull();

        var titles = (await person.PageAsync("/keys")).QuerySelectorAll("ul[aria-label='Your keys'] .row-title").ToList();
        titles.Should().AllSatisfy(title => title.ChildElementCount.Should().Be(0));
        titles.Select(title => title.TextContent).Should().Equal(
            "<img src=x onerror=alert(1)>second  line", new string('a', 79), "My OpenAI key");
    }

    [Fact]
    public async Task Refuses_a_provider_that_is_not_there()
    {
        using var person = await Person.SignedUpAsync(Broker);

        using var response = await person.PostAsync("/keys", new() { ["NewKey"] = BrokerHost.NewKey(), ["Upstream"] = "https://evil.example" }, AddForm);

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    private static string Flash(IDocument page) => page.QuerySelector("[role='status']")!.TextContent.Trim();

    private async Task KeepsNothingAsync(Person person, string canary)
    {
        person.Received.Should().NotContain(text => text.Contains(canary, StringComparison.Ordinal), "a key is never sent back");
        Broker.Log.Lines.Should().NotContain(line => line.Contains("sk-" + canary, StringComparison.Ordinal));
        (await person.PageAsync("/keys")).QuerySelector("ul[aria-label='Your keys']").Should().BeNull();
        var stored = await Broker.WithDatabaseAsync(db => db.UpstreamKeys.CountAsync(k => db.Users.Any(u => u.Id == k.UserId && u.Email == person.Email)));
        stored.Should().Be(0);
    }
}
