using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

/// <summary>What the server holds a passkey to; how a browser makes one is tested in a browser.</summary>
public sealed class Using_a_passkey(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Makes_an_account_without_a_password_and_opens_it_again()
    {
        using var key = NewKey();
        using var person = new Person(Broker);
        var id = await SignUpAsync(person, key);
        (await person.IsSignedInAsync()).Should().BeTrue();

        using var elsewhere = new Person(Broker);
        using var signIn = await SignInAsync(elsewhere, key, id, "?returnUrl=/keys");

        signIn.Headers.Location!.OriginalString.Should().Be("/keys");
        (await elsewhere.IsSignedInAsync()).Should().BeTrue();
        using var byPassword = await new Person(Broker).SignInAsync(person.Email, "");
        byPassword.StatusCode.Should().Be(HttpStatusCode.OK, "an account without a password takes none");
    }

    [Fact]
    public async Task Is_refused_for_an_address_that_is_taken()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var key = NewKey();
        using var browser = new Person(Broker);
        using var options = await browser.PostFromAsync("/sign-up", "/sign-up?handler=PasskeyOptions", new() { ["Email"] = ada.Email }, "application/json");
        options.StatusCode.Should().Be(HttpStatusCode.OK, "the options tell nothing about an account");

        using var response = await browser.PostFromAsync(
            "/sign-up", "/sign-up?handler=Passkey", new() { ["Email"] = ada.Email, ["Credential"] = key.Create(await options.Content.ReadAsStringAsync()) });

        (await Browsing.ComplaintAsync(response)).Should().StartWith("An account cannot be made with that e-mail address.");
        browser.SessionOf().Should().BeNull();
    }

    [Fact]
    public async Task Makes_the_account_of_the_address_that_the_ceremony_began_with()
    {
        using var key = NewKey();
        using var browser = new Person(Broker);
        var began = browser.Email;
        using var options = await browser.PostFromAsync("/sign-up", "/sign-up?handler=PasskeyOptions", new() { ["Email"] = began }, "application/json");

        using var response = await browser.PostFromAsync(
            "/sign-up", "/sign-up?handler=Passkey", new() { ["Email"] = "other-" + began, ["Credential"] = key.Create(await options.Content.ReadAsStringAsync()) });

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await browser.PageAsync("/account")).QuerySelector(".lede strong")!.TextContent.Should().Be(began);
    }

    [Fact]
    public async Task Is_refused_with_a_replayed_challenge()
    {
        using var key = NewKey();
        using var person = new Person(Broker);
        var id = await SignUpAsync(person, key);
        using var browser = new Person(Broker);
        var answer = key.Get(await OptionsAsync(browser), id);
        using (var first = await PostAnswerAsync(browser, answer))
        {
            first.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        using var elsewhere = new Person(Broker);
        await OptionsAsync(elsewhere);
        using var replayed = await PostAnswerAsync(elsewhere, answer);
        using var withoutCeremony = await PostAnswerAsync(new Person(Broker), answer);

        await RefusedAsync(elsewhere, replayed);
        await RefusedAsync(elsewhere, withoutCeremony);
    }

    [Fact]
    public async Task Is_refused_from_the_page_of_another_site()
    {
        using var key = NewKey();
        using var person = new Person(Broker);
        using var options = await person.PostFromAsync("/sign-up", "/sign-up?handler=PasskeyOptions", new() { ["Email"] = person.Email }, "application/json");
        var json = await options.Content.ReadAsStringAsync();
        foreach (var origin in new[] { "https://evil.example", "http://evil.example", "http://localhost:1", Broker.Address + ".evil.example", "null", "" })
        {
            using var foreign = new SoftPasskey { Origin = origin };
            using var response = await person.PostFromAsync("/sign-up", "/sign-up?handler=Passkey", new() { ["Email"] = person.Email, ["Credential"] = foreign.Create(json) });
            await RefusedAsync(person, response);
        }
    }

    [Fact]
    public async Task Is_refused_where_the_authenticator_did_not_verify_the_user()
    {
        using var key = new SoftPasskey { Origin = Broker.Address, Flags = 0x01 };
        using var person = new Person(Broker);
        using var options = await person.PostFromAsync("/sign-up", "/sign-up?handler=PasskeyOptions", new() { ["Email"] = person.Email }, "application/json");

        using var response = await person.PostFromAsync(
            "/sign-up", "/sign-up?handler=Passkey", new() { ["Email"] = person.Email, ["Credential"] = key.Create(await options.Content.ReadAsStringAsync()) });

        await RefusedAsync(person, response);
    }

    [Fact]
    public async Task Is_refused_with_another_keys_signature()
    {
        using var key = NewKey();
        using var thief = NewKey();
        using var person = new Person(Broker);
        var id = await SignUpAsync(person, key);
        using var browser = new Person(Broker);
        var answer = thief.Get(await OptionsAsync(browser), id).Replace(thief.Id, key.Id, StringComparison.Ordinal);

        using var response = await PostAnswerAsync(browser, answer);

        await RefusedAsync(browser, response);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("{\"id\":\"AAAA\",\"type\":\"public-key\",\"response\":null}")]
    [InlineData("{\"id\":\"AAAA\",\"rawId\":\"AAAA\",\"type\":\"public-key\",\"clientExtensionResults\":{},\"response\":{\"clientDataJSON\":\"!\",\"attestationObject\":\"!\",\"authenticatorData\":\"!\",\"signature\":\"!\"}}")]
    [InlineData("{\"id\":\"AAAA\",\"rawId\":\"AAAA\",\"type\":\"public-key\",\"clientExtensionResults\":{},\"response\":{\"clientDataJSON\":\"AAAA\",\"attestationObject\":\"AAAA\",\"authenticatorData\":\"AAAA\",\"signature\":\"AAAA\"}}")]
    public async Task Is_refused_as_nonsense_without_a_crash(string credential)
    {
        using var visitor = new Person(Broker);
        await OptionsAsync(visitor);
        using var signIn = await PostAnswerAsync(visitor, credential);
        await RefusedAsync(visitor, signIn);

        using var options = await visitor.PostFromAsync("/sign-up", "/sign-up?handler=PasskeyOptions", new() { ["Email"] = visitor.Email }, "application/json");
        using var signUp = await visitor.PostFromAsync("/sign-up", "/sign-up?handler=Passkey", new() { ["Email"] = visitor.Email, ["Credential"] = credential });
        await RefusedAsync(visitor, signUp);

        using var ada = await Person.SignedUpAsync(Broker);
        using var addOptions = await ada.PostFromAsync("/account", "/account/passkeys?handler=PasskeyOptions", [], "application/json");
        using var add = await ada.PostFromAsync("/account", "/account/passkeys?handler=Add", new() { ["Credential"] = credential });
        add.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await ada.PageAsync("/account")).QuerySelector("[role='alert']")!.TextContent.Should().Contain("could not be verified");
    }

    [Fact]
    public async Task Wants_the_token_against_forgery_for_every_step()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var visitor = new Person(Broker);
        foreach (var (person, address) in new[]
        {
            (visitor, "/sign-in?handler=PasskeyOptions"), (visitor, "/sign-in?handler=Passkey"), (visitor, "/sign-up?handler=PasskeyOptions"),
            (visitor, "/sign-up?handler=Passkey"), (ada, "/account/passkeys?handler=PasskeyOptions"), (ada, "/account/passkeys?handler=Add"),
            (ada, "/account/passkeys?handler=Rename"), (ada, "/account/passkeys?handler=Remove"),
        })
        {
            using var response = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, address) { Content = new FormUrlEncodedContent([]) });
            response.StatusCode.Should().Be(HttpStatusCode.BadRequest, address);
        }
    }

    [Fact]
    public async Task Says_the_same_options_to_everybody_and_names_no_credential()
    {
        using var visitor = new Person(Broker);

        using var options = JsonDocument.Parse(await OptionsAsync(visitor));

        options.RootElement.GetProperty("userVerification").GetString().Should().Be("required");
        (options.RootElement.TryGetProperty("allowCredentials", out var allowed) && allowed.GetArrayLength() > 0).Should().BeFalse();
    }

    [Fact]
    public async Task Added_or_removed_ends_the_other_sessions()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var key = NewKey();
        using var laptop = await ada.InAnotherBrowserAsync();
        await AddAsync(ada, key);
        (await laptop.IsSignedInAsync()).Should().BeFalse();
        (await ada.IsSignedInAsync()).Should().BeTrue();

        using var phone = await ada.InAnotherBrowserAsync();
        using var removed = await ada.PostAsync("/account", [], "form[action='/account/passkeys?handler=Remove']");
        (await phone.IsSignedInAsync()).Should().BeFalse();
        (await ada.PageAsync("/account")).QuerySelector("section[aria-labelledby='passkeys'] li").Should().BeNull();
        (await ada.AuditAsync()).Should().Contain(["passkey.added", "passkey.removed"]);
    }

    [Fact]
    public async Task As_the_only_way_in_cannot_be_removed()
    {
        using var key = NewKey();
        using var person = new Person(Broker);
        var id = await SignUpAsync(person, key);

        using var response = await person.PostFromAsync("/account", "/account/passkeys?handler=Remove", new() { ["Id"] = key.Id });

        (await person.PageAsync("/account")).QuerySelector("[role='alert']")!.TextContent.Should().Contain("it is the only way into your account");
        using var elsewhere = new Person(Broker);
        using var signIn = await SignInAsync(elsewhere, key, id);
        signIn.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task Of_somebody_else_cannot_be_renamed_or_removed()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var bob = await Person.SignedUpAsync(Broker);
        using var key = NewKey();
        await AddAsync(ada, key);

        foreach (var id in new[] { key.Id, "AAAAAAAAAAAAAAAAAAAAAA", "", "***" })
        {
            using var rename = await bob.PostFromAsync("/account", "/account/passkeys?handler=Rename", new() { ["Id"] = id, ["Name"] = "Bob's now" });
            using var remove = await bob.PostFromAsync("/account", "/account/passkeys?handler=Remove", new() { ["Id"] = id });
            rename.StatusCode.Should().Be(HttpStatusCode.NotFound);
            remove.StatusCode.Should().Be(HttpStatusCode.NotFound);
        }

        var passkeys = (await ada.PageAsync("/account")).QuerySelectorAll("section[aria-labelledby='passkeys'] li .row-title");
        passkeys.Should().ContainSingle().Which.TextContent.Should().NotContain("Bob");
    }

    [Fact]
    public async Task Made_for_somebody_else_cannot_be_added()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var key = NewKey();
        using var options = await ada.PostFromAsync("/sign-out", "/account/passkeys?handler=PasskeyOptions", [], "application/json");
        var answer = key.Create(await options.Content.ReadAsStringAsync());
        using var bob = new Person(Broker);
        foreach (Cookie cookie in ada.Cookies.GetAllCookies().Where(c => c.Name.StartsWith("tokenbroker.passkey", StringComparison.Ordinal)))
        {
            bob.Cookies.Add(new Cookie(cookie.Name, cookie.Value, "/", "localhost"));
        }

        using (await bob.SignUpAsync(bob.Email, Person.Password))
        using (await bob.PostFromAsync("/account", "/account/passkeys?handler=Add", new() { ["Credential"] = answer }))
        {
            (await bob.PageAsync("/account")).QuerySelector("section[aria-labelledby='passkeys'] li").Should().BeNull();
        }
    }

    [Fact]
    public async Task Can_be_named_without_line_breaks_or_markup()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var key = NewKey();
        await AddAsync(ada, key);

        using var response = await ada.PostFromAsync(
            "/account", "/account/passkeys?handler=Rename", new() { ["Id"] = key.Id, ["Name"] = "<b>My</b>\r\nkey " + new string('\u00e9', 100) });

        var title = (await ada.PageAsync("/account")).QuerySelector("section[aria-labelledby='passkeys'] li .row-title")!;
        title.ChildElementCount.Should().Be(0);
        title.TextContent.Should().StartWith("<b>My</b>key ").And.HaveLength(60);
        (await Broker.WithDatabaseAsync(db => db.AuditEvents.AnyAsync(e => e.Action == "passkey.renamed"))).Should().BeTrue();
    }

    private SoftPasskey NewKey() => new() { Origin = Broker.Address };

    private static async Task<string> SignUpAsync(Person person, SoftPasskey key)
    {
        using var options = await person.PostFromAsync("/sign-up", "/sign-up?handler=PasskeyOptions", new() { ["Email"] = person.Email }, "application/json");
        var json = await options.Content.ReadAsStringAsync();
        using var done = await person.PostFromAsync("/sign-up", "/sign-up?handler=Passkey", new() { ["Email"] = person.Email, ["Credential"] = key.Create(json) });
        done.StatusCode.Should().Be(HttpStatusCode.SeeOther, await done.Content.ReadAsStringAsync());
        using var parsed = JsonDocument.Parse(json);
        return System.Text.Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(parsed.RootElement.GetProperty("user").GetProperty("id").GetString()));
    }

    private static async Task AddAsync(Person person, SoftPasskey key)
    {
        using var options = await person.PostFromAsync("/account", "/account/passkeys?handler=PasskeyOptions", [], "application/json");
        using var done = await person.PostFromAsync("/account", "/account/passkeys?handler=Add", new() { ["Credential"] = key.Create(await options.Content.ReadAsStringAsync()) });
        (await person.PageAsync("/account")).QuerySelector("[role='status']:not([hidden])")!.TextContent.Should().Contain("The passkey is added");
    }

    private static async Task<string> OptionsAsync(Person person)
    {
        using var response = await person.PostFromAsync("/sign-in", "/sign-in?handler=PasskeyOptions", [], "application/json");
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<HttpResponseMessage> SignInAsync(Person person, SoftPasskey key, string userId, string query = "") =>
        await PostAnswerAsync(person, key.Get(await OptionsAsync(person), userId), query);

    private static Task<HttpResponseMessage> PostAnswerAsync(Person person, string answer, string query = "") =>
        person.PostFromAsync("/sign-in" + query, "/sign-in?handler=Passkey" + query.Replace('?', '&'), new() { ["Credential"] = answer });

    private static async Task RefusedAsync(Person person, HttpResponseMessage response)
    {
        (await Browsing.ComplaintAsync(response)).Should().MatchRegex("passkey (did not work here|could not be verified)");
        person.SessionOf().Should().BeNull();
    }
}
