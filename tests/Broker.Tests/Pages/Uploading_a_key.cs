using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Samples.Quickstart.Check;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

/// <summary>What comes sealed, and what is done to it on the way. Nothing that is wrong is stored, and the form comes back fresh.</summary>
[Trait("Checklist", "13")]
public sealed class Uploading_a_key(SharedBroker shared)
{
    private const string AddForm = "form[action='/keys']:has(#NewKey)";
    private const string Stale = "This page was open for too long, or the key was changed on its way.";
    private const string Unsealed = "The key was not sealed by your browser, so it was not looked at.";

    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Has_no_name_for_what_is_typed()
    {
        using var person = await Person.SignedUpAsync(Broker);

        foreach (var url in (string[])["/keys", new OAuthApp(Broker).AuthorizeUrl()])
        {
            var page = await person.PageAsync(url);
            page.QuerySelector("#NewKey")!.HasAttribute("name").Should().BeFalse("a browser posts only what has a name");
            page.QuerySelector("[data-seal-without]")!.TextContent.Should().Contain("Scripts are off in this browser").And.Contain("the key is not sent at all");
            page.QuerySelector("input[data-seals='NewKey']")!.GetAttribute("data-key").Should().HaveLength(87, "it is an uncompressed point of P-256");
        }
    }

    [Fact]
    public async Task Gives_each_form_a_ticket_of_its_own()
    {
        using var person = await Person.SignedUpAsync(Broker);

        var (first, second) = (TargetOf(await person.PageAsync("/keys")), TargetOf(await person.PageAsync("/keys")));

        foreach (var name in (string[])["data-ticket", "data-binding"])
        {
            first.GetAttribute(name).Should().NotBe(second.GetAttribute(name));
        }

        first.GetAttribute("data-key").Should().Be(second.GetAttribute("data-key"));
    }

    [Fact]
    public async Task Takes_a_form_once()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var page = await person.PageAsync("/keys");
        var posted = SealingBrowser.Seal(TargetOf(page), BrokerHost.NewKey());
        using var first = await SubmitAsync(person, page, posted);
        first.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        using var again = await SubmitAsync(person, page, posted);
        using var another = await SubmitAsync(person, page, SealingBrowser.Seal(TargetOf(page), BrokerHost.NewKey()));

        await ComesBackAsync(person, again, stored: 1);
        await ComesBackAsync(person, another, stored: 1);
    }

    [Fact]
    public async Task Takes_a_form_once_even_if_it_is_posted_many_times_at_once()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var page = await person.PageAsync("/keys");
        var posted = SealingBrowser.Seal(TargetOf(page), BrokerHost.NewKey());

        var responses = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SubmitAsync(person, page, posted)));

        responses.Count(response => response.StatusCode == HttpStatusCode.SeeOther).Should().Be(1);
        (await StoredAsync(person)).Should().Be(1);
    }

    [Fact]
    public async Task Refuses_what_another_persons_form_sealed()
    {
        using var person = await Person.SignedUpAsync(Broker);
        using var thief = await Person.SignedUpAsync(Broker);
        var recorded = SealingBrowser.Seal(TargetOf(await person.PageAsync("/keys")), BrokerHost.NewKey());

        using var response = await SubmitAsync(thief, await thief.PageAsync("/keys"), recorded);

        await ComesBackAsync(thief, response);
    }

    [Fact]
    public async Task Refuses_what_a_form_of_another_session_sealed()
    {
        using var person = await Person.SignedUpAsync(Broker);
        using var elsewhere = await person.InAnotherBrowserAsync();
        var recorded = SealingBrowser.Seal(TargetOf(await person.PageAsync("/keys")), BrokerHost.NewKey());

        using var response = await SubmitAsync(elsewhere, await elsewhere.PageAsync("/keys"), recorded);

        await ComesBackAsync(elsewhere, response);
    }

    [Fact]
    public async Task Refuses_a_ciphertext_under_another_forms_ticket()
    {
        using var person = await Person.SignedUpAsync(Broker);
        using var thief = await Person.SignedUpAsync(Broker);
        var recorded = SealingBrowser.Seal(TargetOf(await person.PageAsync("/keys")), BrokerHost.NewKey()).Split('.');
        var page = await thief.PageAsync("/keys");

        using var response = await SubmitAsync(thief, page, $"hpke1.{TargetOf(page).GetAttribute("data-ticket")}.{recorded[2]}.{recorded[3]}");

        await ComesBackAsync(thief, response);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Refuses_what_was_changed_on_its_way(int part)
    {
        using var person = await Person.SignedUpAsync(Broker);
        var page = await person.PageAsync("/keys");
        var parts = SealingBrowser.Seal(TargetOf(page), BrokerHost.NewKey()).Split('.');
        var middle = parts[part].Length / 2;
        parts[part] = parts[part][..middle] + (parts[part][middle] == 'A' ? 'B' : 'A') + parts[part][(middle + 1)..];

        using var response = await SubmitAsync(person, page, string.Join('.', parts));

        await ComesBackAsync(person, response);
    }

    [Theory]
    [InlineData("hpke1.")]
    [InlineData("hpke1.x.y.z")]
    [InlineData("hpke1.!.YQ.YQ")]
    [InlineData("hpke1....")]
    public async Task Refuses_what_only_looks_sealed(string posted)
    {
        using var person = await Person.SignedUpAsync(Broker);

        using var response = await SubmitAsync(person, await person.PageAsync("/keys"), posted);

        await ComesBackAsync(person, response);
    }

    [Fact]
    public async Task Refuses_a_form_that_was_open_for_a_quarter_of_an_hour()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 10, 9, 0, 0, TimeSpan.Zero));
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.SignedUpAsync(broker);
        var (inTime, late) = (await person.PageAsync("/keys"), await person.PageAsync("/keys"));
        clock.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromSeconds(1));
        using var taken = await SubmitAsync(person, inTime, SealingBrowser.Seal(TargetOf(inTime), BrokerHost.NewKey()));
        taken.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        clock.Advance(TimeSpan.FromSeconds(1));

        using var response = await SubmitAsync(person, late, SealingBrowser.Seal(TargetOf(late), BrokerHost.NewKey()));
        await ComesBackAsync(person, response, stored: 1);
    }

    [Fact]
    public async Task Takes_a_form_whose_upload_key_was_rotated_meanwhile()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 10, 9, 0, 0, TimeSpan.Zero));
        await using var broker = await BrokerHost.StartAsync(new() { ["Custody:UploadKeyRotation"] = "00:05:00" }, clock);
        using var person = await Person.SignedUpAsync(broker);
        var page = await person.PageAsync("/keys");
        clock.Advance(TimeSpan.FromMinutes(10));
        TargetOf(await person.PageAsync("/keys")).GetAttribute("data-key").Should().NotBe(TargetOf(page).GetAttribute("data-key"));

        using var response = await SubmitAsync(person, page, SealingBrowser.Seal(TargetOf(page), BrokerHost.NewKey()));

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task Refuses_a_plain_key_unread_by_any_form()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var key = BrokerHost.NewKey();

        using var added = await person.PostFromAsync("/keys", "/keys", new() { ["NewKey"] = key, ["Upstream"] = "openai" });
        await ComesBackAsync(person, added, complaint: Unsealed);
        var consent = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());
        consent.Document.QuerySelector("[data-seals]")!.Remove();
        using var consented = await consent.Set("Form.NewKey", key).AnswerAsync();

        (await consent.AgainAsync(consented)).Complaint("Form.NewKey").Should().StartWith(Unsealed);
        (await StoredAsync(person)).Should().Be(0);
        Broker.Journal.Snapshot().Should().NotContain(exchange => exchange.Key == key, "the provider is not asked about it");
        person.Received.Should().NotContain(text => text.Contains(key, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Takes_a_plain_key_where_the_operator_allows_it()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Custody:AllowPlainUpload"] = "true" });
        using var person = await Person.SignedUpAsync(broker);
        var page = await person.PageAsync("/keys");
        page.QuerySelector("[data-seal-without]").Should().BeNull();
        page.QuerySelector("#NewKey")!.GetAttribute("name").Should().Be("NewKey");
        Person.FieldsOf((IHtmlFormElement)page.QuerySelector(AddForm)!).Count(field => field.Key == "NewKey").Should().Be(2);
        TargetOf(page).HasAttribute("disabled").Should().BeTrue("without its script a browser posts the typed one alone");

        using var plain = await SubmitAsync(person, page, BrokerHost.NewKey());
        using var withScript = await SubmitAsync(person, await person.PageAsync("/keys"), SealingBrowser.Seal(TargetOf(page), BrokerHost.NewKey()));

        plain.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        withScript.StatusCode.Should().Be(HttpStatusCode.SeeOther, "a browser with scripts seals it all the same");
    }

    [Fact]
    public async Task Stores_a_key_at_consent_once()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());
        page.Set("Form.NewKey", SealingBrowser.Seal(page.Document.QuerySelector("[data-seals]")!, BrokerHost.NewKey()));
        using var first = await page.AnswerAsync();
        ConsentPage.ParametersOf(first).Should().ContainKey("code");

        var second = await ConsentPage.OpenAsync(person, new OAuthApp(Broker, BrokerHost.OtherAppId).AuthorizeUrl());
        using var replayed = await second.Set("Form.KeyId", "new").Set("Form.NewKey", [.. page.Values("Form.NewKey")]).AnswerAsync();

        (await second.AgainAsync(replayed)).Complaint("Form.NewKey").Should().StartWith(Stale);
        (await StoredAsync(person)).Should().Be(1);
    }

    private static IElement TargetOf(IDocument page) => page.QuerySelector($"{AddForm} input[data-seals='NewKey']")!;

    private static Task<HttpResponseMessage> SubmitAsync(Person person, IHtmlDocument page, string posted) =>
        person.SubmitAsync(page, "/keys", new() { ["NewKey"] = posted }, AddForm);

    private static async Task ComesBackAsync(Person person, HttpResponseMessage response, int stored = 0, string complaint = Stale)
    {
        response.StatusCode.Should().Be(HttpStatusCode.OK, "the form is shown again");
        var page = await Person.ParseAsync(response);
        page.QuerySelector(".field-validation-error")!.TextContent.Should().StartWith(complaint);
        TargetOf(page).GetAttribute("value").Should().BeNullOrEmpty("nothing is sent back");
        (await StoredAsync(person)).Should().Be(stored);
        using var fresh = await SubmitAsync(person, page, "");
        (await Person.ParseAsync(fresh)).QuerySelector(".field-validation-error")!.TextContent.Should().Be("Paste the key.", "the form that came back works");
    }

    private static Task<int> StoredAsync(Person person) => person.Host.WithDatabaseAsync(
        db => db.UpstreamKeys.CountAsync(k => db.Users.Any(u => u.Id == k.UserId && u.Email == person.Email)));
}
