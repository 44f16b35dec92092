using System.Net;
using AngleSharp.Dom;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

/// <summary>The life of a key: its state and what to do about it, its name, a test, and another secret in its place.</summary>
public sealed class One_of_the_keys(PrivateBroker priv) : IClassFixture<PrivateBroker>
{
    private const string ReplaceForm = "form:has(#NewKey)";
    private const string TestForm = "form[action*='handler=Test']";

    private BrokerHost Broker => priv.Host;

    [Fact]
    public async Task Tells_how_it_stands_and_which_apps_use_it()
    {
        using var connected = await Connected.AsAsync(Broker);
        var url = await UrlAsync(connected.Person);

        var page = await connected.Person.PageAsync(url);

        page.QuerySelector("h1")!.TextContent.Should().Be("My OpenAI key");
        page.QuerySelector(".lede .mono")!.TextContent.Should().Be(connected.Key[^4..]);
        Facts(page).Should().Contain([("State", "Working"), ("Last checked", "just now"), ("Added", "just now"), ("Used by", "Test App")]);
        Facts(page).Should().NotContain(fact => fact.Item1 == "Replaced");
    }

    [Theory]
    [InlineData(nameof(KeyStatus.Refused), "Refused by the provider", "Make a new one at OpenAI and replace this one")]
    [InlineData(nameof(KeyStatus.OutOfQuota), "Out of credit", "billing page of OpenAI")]
    [InlineData(nameof(KeyStatus.CannotBeOpened), "Cannot be opened", "does not open under the vault")]
    [InlineData(nameof(KeyStatus.Restricted), "Restricted key", "Nothing needs doing")]
    [InlineData(nameof(KeyStatus.Unchecked), "Not checked yet", "Test it now")]
    public async Task Says_what_to_do_about_each_state(string status, string words, string advice)
    {
        using var person = await Person.WithKeyAsync(Broker);
        await SetAsync(person, Enum.Parse<KeyStatus>(status));

        var page = await person.PageAsync(await UrlAsync(person));

        page.QuerySelector(".badge")!.TextContent.Should().Be(words);
        page.QuerySelector("section.card > p")!.TextContent.Should().Contain(advice);
        (await person.PageAsync("/keys")).QuerySelector("li .badge")!.TextContent.Should().Be(words);
    }

    [Fact]
    public async Task Can_be_renamed()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await UrlAsync(person);

        using var response = await person.PostAsync(url, new() { ["label"] = "  Work \r\n<b>" }, "form[action*='handler=Name']");

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await person.PageAsync(url)).QuerySelector("h1")!.TextContent.Should().Be("Work <b>");
        (await person.AuditAsync()).Should().Contain("key.renamed");
    }

    [Theory]
    [InlineData("", "Give the key a name.")]
    [InlineData("sk-test-0123456789abcdef0123", "The name looks like a key.")]
    public async Task Takes_no_name_that_is_none(string label, string complaint)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await UrlAsync(person);

        using var response = await person.PostAsync(url, new() { ["label"] = label }, "form[action*='handler=Name']");

        (await Browsing.ComplaintAsync(response)).Should().StartWith(complaint);
        (await person.PageAsync(url)).QuerySelector("h1")!.TextContent.Should().Be("My OpenAI key");
    }

    [Fact]
    public async Task Can_be_tested()
    {
        using var person = await Person.WithKeyAsync(Broker);
        await SetAsync(person, KeyStatus.Refused);
        var url = await UrlAsync(person);

        using var tested = await person.PostAsync(url, [], TestForm);

        var page = await person.PageAsync(url);
        page.QuerySelector("[role='status']")!.TextContent.Trim().Should().Be("Tested. OpenAI accepts the key.");
        page.QuerySelector(".badge")!.TextContent.Should().Be("Working");
        (await person.AuditAsync()).Should().Contain("key.tested");
    }

    [Theory]
    [InlineData(FaultKind.Unauthorized, "OpenAI does not accept the key any more.", nameof(KeyStatus.Refused))]
    [InlineData(FaultKind.RateLimited, "out of credit or over its rate", nameof(KeyStatus.OutOfQuota))]
    [InlineData(FaultKind.ServerError, "OpenAI did not answer", nameof(KeyStatus.Working))]
    public async Task Tells_what_a_test_found(FaultKind fault, string words, string status)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await UrlAsync(person);
        Broker.Faults.Next(fault, path: "/v1/models");

        using var tested = await person.PostAsync(url, [], TestForm);

        (await person.PageAsync(url)).QuerySelector("[role='alert']")!.TextContent.Should().Contain(words);
        (await RowAsync(person)).Status.ToString().Should().Be(status);
    }

    [Fact]
    public async Task Can_be_tested_six_times_a_minute()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await UrlAsync(person);
        for (var i = 0; i < 6; i++)
        {
            using var allowed = await person.PostAsync(url, [], TestForm);
            (await person.PageAsync(url)).QuerySelector("[role='status']")!.TextContent.Should().Contain("Tested.");
        }

        using var refused = await person.PostAsync(url, [], TestForm);

        (await person.PageAsync(url)).QuerySelector("[role='alert']")!.TextContent.Should().Contain("Wait a moment");
        (await person.AuditAsync()).Count(action => action == "key.tested").Should().Be(6);
    }

    [Fact]
    public async Task That_does_not_open_is_marked_by_a_call_and_unmarked_when_it_opens_again()
    {
        using var connected = await Connected.AsAsync(Broker);
        var row = await RowAsync(connected.Person);
        await WriteAsync(row.Id, [.. row.Envelope[..^1], (byte)(row.Envelope[^1] ^ 1)]);

        using var call = await connected.Api.ChatAsync();

        (await Api.ErrorAsync(call)).Code.Should().Be("upstream_key_rejected", "nothing is sent with a key that does not open");
        (await RowAsync(connected.Person)).Status.Should().Be(KeyStatus.CannotBeOpened);
        var url = await UrlAsync(connected.Person);
        using var tested = await connected.Person.PostAsync(url, [], TestForm);
        (await connected.Person.PageAsync(url)).QuerySelector("[role='alert']")!.TextContent.Should().Contain("could not be opened");

        await WriteAsync(row.Id, row.Envelope);
        using var again = await connected.Api.ChatAsync();
        again.StatusCode.Should().Be(HttpStatusCode.OK);
        (await RowAsync(connected.Person)).Status.Should().NotBe(KeyStatus.CannotBeOpened);
    }

    [Fact]
    public async Task Is_replaced_in_place_and_the_apps_go_on()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var before = await connected.Api.ChatAsync();
        var old = await RowAsync(connected.Person);
        var key = BrokerHost.NewKey();
        var url = await UrlAsync(connected.Person);

        using var response = await connected.Person.PostAsync(url + "/replace", new() { ["NewKey"] = key }, ReplaceForm);

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        using var after = await connected.Api.ChatAsync();
        after.StatusCode.Should().Be(HttpStatusCode.OK, "the grant goes on");
        Broker.Journal.Snapshot().Last(e => e.Path == "/v1/chat/completions" && (e.Key == key || e.Key == connected.Key)).Key.Should().Be(key);
        var row = await RowAsync(connected.Person);
        (row.Id, row.Generation, row.LastFour, row.Label).Should().Be((old.Id, 2, key[^4..], old.Label));
        var page = await connected.Person.PageAsync(url);
        page.QuerySelector("[role='status']")!.TextContent.Should().Contain("Replaced.").And.Contain("The apps go on with it.");
        Facts(page).Should().Contain(("Replaced", "just now"));
        (await connected.Person.AuditAsync()).Should().Contain("key.replaced");
    }

    [Fact]
    [Trait("Checklist", "13")]
    public async Task Does_not_open_with_the_envelope_from_before_its_replacement()
    {
        using var connected = await Connected.AsAsync(Broker);
        var old = await RowAsync(connected.Person);
        using var response = await connected.Person.PostAsync(await UrlAsync(connected.Person) + "/replace", new() { ["NewKey"] = BrokerHost.NewKey() }, ReplaceForm);

        await WriteAsync(old.Id, old.Envelope);

        using var call = await connected.Api.ChatAsync();
        (await Api.ErrorAsync(call)).Code.Should().Be("upstream_key_rejected", "nothing is sent with a key that does not open");
    }

    [Theory]
    [InlineData("sk-test-revoked-0123456789abcdef", "OpenAI does not know this key, or has revoked it. The key that was there stays.")]
    [InlineData("sk-short", "This is not a key")]
    [InlineData("", "Paste the key.")]
    public async Task Stays_as_it_is_where_the_new_one_is_no_good(string key, string complaint)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var old = await RowAsync(person);

        using var response = await person.PostAsync(await UrlAsync(person) + "/replace", new() { ["NewKey"] = key }, ReplaceForm);

        (await Browsing.ComplaintAsync(response)).Should().StartWith(complaint);
        (await RowAsync(person)).Envelope.Should().Equal(old.Envelope);
    }

    [Fact]
    public async Task Is_replaced_once_by_two_pages_at_once()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var url = await UrlAsync(person) + "/replace";
        var pages = new[] { await person.PageAsync(url), await person.PageAsync(url) };

        var responses = await Task.WhenAll(pages.Select(page => person.SubmitAsync(page, url, new() { ["NewKey"] = BrokerHost.NewKey() }, ReplaceForm)));

        // Both may be taken one after the other; whichever is told that it was has its key there, and none is half written.
        var row = await RowAsync(person);
        row.Generation.Should().Be(1 + responses.Count(response => response.StatusCode == HttpStatusCode.SeeOther));
        using var tested = await person.PostAsync(await UrlAsync(person), [], TestForm);
        (await RowAsync(person)).Status.Should().Be(KeyStatus.Working);
    }

    [Fact]
    [Trait("Checklist", "31")]
    public async Task Is_replaced_only_after_a_recent_sign_in()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 10, 9, 0, 0, TimeSpan.Zero));
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.WithKeyAsync(broker);
        var url = await UrlAsync(person) + "/replace";
        var page = await person.PageAsync(url);
        clock.Advance(TimeSpan.FromMinutes(15) + TimeSpan.FromSeconds(1));

        using var shown = await person.GetAsync(url);
        using var posted = await person.SubmitAsync(page, url, new() { ["NewKey"] = BrokerHost.NewKey() }, ReplaceForm);

        foreach (var response in (HttpResponseMessage[])[shown, posted])
        {
            response.Headers.Location!.OriginalString.Should().StartWith("/sign-in?reauth=1&returnUrl=");
        }

        (await RowAsync(person)).Generation.Should().Be(1);
    }

    [Fact]
    public async Task Is_there_for_nobody_else()
    {
        using var owner = await Person.WithKeyAsync(Broker);
        using var other = await Person.WithKeyAsync(Broker);
        var url = await UrlAsync(owner);
        var own = await UrlAsync(other);

        using var page = await other.GetAsync(url);
        using var replacePage = await other.GetAsync(url + "/replace");
        using var name = await other.PostFromAsync(own, url + "?handler=Name", new() { ["label"] = "Mine" });
        using var test = await other.PostFromAsync(own, url + "?handler=Test", []);
        using var replace = await other.PostFromAsync(own, url + "/replace", new() { ["NewKey"] = "hpke1.a.YQ.YQ" });
        using var delete = await other.PostFromAsync(own, "/keys?handler=Delete", new() { ["id"] = url[^36..] });

        new[] { page, replacePage, name, test, replace, delete }.Should().AllSatisfy(response => response.StatusCode.Should().Be(HttpStatusCode.NotFound));
        (await RowAsync(owner)).Label.Should().Be("My OpenAI key");
        (await owner.AuditAsync()).Should().NotContain("key.tested");
    }

    private static IEnumerable<(string, string)> Facts(IDocument page) =>
        page.QuerySelectorAll(".facts > div").Select(fact => (fact.QuerySelector("dt")!.TextContent, fact.QuerySelector("dd")!.TextContent.Trim()));

    private static async Task<string> UrlAsync(Person person) => $"/keys/{(await RowAsync(person)).Id}";

    private static Task<UpstreamKey> RowAsync(Person person) => person.Host.WithDatabaseAsync(
        db => db.UpstreamKeys.AsNoTracking().SingleAsync(k => db.Users.Any(u => u.Id == k.UserId && u.Email == person.Email)));

    private static async Task SetAsync(Person person, KeyStatus status)
    {
        var id = (await RowAsync(person)).Id;
        await person.Host.WithDatabaseAsync(db => db.UpstreamKeys.Where(k => k.Id == id).ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, status)));
    }

    private Task<int> WriteAsync(Guid keyId, byte[] envelope)
    {
        // As after a restart: nothing is open in memory.
        Broker.Services.GetService<OpenKeys>()!.Drop(keyId);
        return Broker.WithDatabaseAsync(db => db.UpstreamKeys.Where(k => k.Id == keyId).ExecuteUpdateAsync(set => set.SetProperty(k => k.Envelope, envelope)));
    }
}
