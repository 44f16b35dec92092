using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

[Collection(AccountsOverTime.Name)]
public sealed class A_session(AccountsOverTime.Broker over)
{
    private BrokerHost Broker => over.Host;

    private FakeTimeProvider Clock => over.Clock;

    [Fact]
    public async Task That_nobody_used_for_two_hours_is_dead()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        Clock.Advance(TimeSpan.FromHours(2) - TimeSpan.FromSeconds(1));
        using var copy = ada.Copy();
        (await ada.IsSignedInAsync()).Should().BeTrue("it was used in time");

        Clock.Advance(TimeSpan.FromHours(2));

        (await ada.IsSignedInAsync()).Should().BeFalse();
        (await copy.IsSignedInAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Ends_twelve_hours_after_the_sign_in_however_busy_it_is()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        for (var hour = 1; hour < 12; hour++)
        {
            Clock.Advance(TimeSpan.FromHours(1));
            (await ada.IsSignedInAsync()).Should().BeTrue($"{hour} hours are not too long");
        }

        Clock.Advance(TimeSpan.FromHours(1));

        (await ada.IsSignedInAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task That_is_signed_out_is_dead_on_the_server()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var copy = ada.Copy();
        (await copy.IsSignedInAsync()).Should().BeTrue();

        using var response = await ada.PostAsync("/account", [], "form[action='/sign-out']");

        response.Headers.Location!.OriginalString.Should().Be("/sign-in");
        ada.SessionOf().Should().BeNull();
        (await copy.IsSignedInAsync()).Should().BeFalse("a copied cookie is worth nothing");
        (await ada.PageAsync("/sign-in")).QuerySelector("[role='status']")!.TextContent.Should().Contain("You are signed out");
    }

    [Fact]
    public async Task Cannot_be_ended_by_a_link()
    {
        using var ada = await Person.SignedUpAsync(Broker);

        (await ada.PageAsync("/sign-out")).QuerySelector("main form button")!.TextContent.Should().Be("Sign out");

        (await ada.IsSignedInAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Elsewhere_can_be_ended()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var laptop = await ada.InAnotherBrowserAsync();
        using var phone = await ada.InAnotherBrowserAsync();

        using var response = await ada.PostAsync("/account", [], "form[action='/account/sessions?handler=End']");

        response.Headers.Location!.OriginalString.Should().Be("/account");
        new[] { await laptop.IsSignedInAsync(), await phone.IsSignedInAsync() }.Should().BeEquivalentTo([true, false]);
        (await ada.IsSignedInAsync()).Should().BeTrue();
        (await ada.AuditAsync()).Should().Contain("session.ended");
    }

    [Fact]
    public async Task Stays_alone_when_all_others_are_ended()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var laptop = await ada.InAnotherBrowserAsync();
        using var phone = await ada.InAnotherBrowserAsync();

        using var response = await ada.PostAsync("/account", [], "form[action='/account/sessions?handler=EndOthers']");

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await laptop.IsSignedInAsync()).Should().BeFalse();
        (await phone.IsSignedInAsync()).Should().BeFalse();
        var page = await ada.PageAsync("/account");
        page.QuerySelectorAll("section[aria-labelledby='sessions'] li").Should().ContainSingle().Which.TextContent.Should().Contain("This one");
        page.QuerySelector("form[action*='EndOthers']").Should().BeNull("there is none left");
    }

    [Fact]
    public async Task Elsewhere_ends_when_the_password_changes()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var laptop = await ada.InAnotherBrowserAsync();
        using var stolen = ada.Copy();

        using var response = await ada.PostAsync("/account/password", new() { ["CurrentPassword"] = Person.Password, ["NewPassword"] = "walnut harbour violet 88" });

        response.Headers.Location!.OriginalString.Should().Be("/account");
        (await ada.IsSignedInAsync()).Should().BeTrue("who changed it goes on");
        (await laptop.IsSignedInAsync()).Should().BeFalse();
        (await stolen.IsSignedInAsync()).Should().BeFalse("a cookie from before the change is dead");
        using var old = new Person(Broker);
        using var refused = await old.SignInAsync(ada.Email, Person.Password);
        refused.StatusCode.Should().Be(HttpStatusCode.OK);
        using var fresh = await ada.InAnotherBrowserAsync("walnut harbour violet 88");
        (await ada.AuditAsync()).Should().Contain("password.changed");
    }

    [Theory]
    [InlineData("short one", "Use at least 12 characters")]
    [InlineData("password1234", "one of the first that a guesser tries")]
    public async Task Goes_on_with_the_old_password_where_the_new_one_is_bad(string chosen, string complaint)
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var laptop = await ada.InAnotherBrowserAsync();

        using var response = await ada.PostAsync("/account/password", new() { ["CurrentPassword"] = Person.Password, ["NewPassword"] = chosen });

        (await Browsing.ComplaintAsync(response)).Should().Contain(complaint);
        (await laptop.IsSignedInAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Must_be_fresh_to_make_a_passkey()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using (var fresh = await ada.PostFromAsync("/account", "/account/passkeys?handler=PasskeyOptions", [], "application/json"))
        {
            fresh.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        Clock.Advance(TimeSpan.FromMinutes(16));

        using var script = await ada.PostFromAsync("/account", "/account/passkeys?handler=PasskeyOptions", [], "application/json");
        using var form = await ada.PostFromAsync("/account", "/account/passkeys?handler=Remove", new() { ["Id"] = "AAAA" });
        script.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await script.Content.ReadAsStringAsync()).Should().Contain("/sign-in?reauth=1");
        form.Headers.Location!.OriginalString.Should().Be("/sign-in?reauth=1&returnUrl=%2Faccount");

        using var again = await ada.SignInAsync(ada.Email, Person.Password, "?reauth=1&returnUrl=%2Faccount");
        again.Headers.Location!.OriginalString.Should().Be("/account");
        using var after = await ada.PostFromAsync("/account", "/account/passkeys?handler=PasskeyOptions", [], "application/json");
        after.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Shows_the_device_in_our_words_and_not_in_the_browsers()
    {
        using var ada = new Person(Broker);
        var page = await ada.PageAsync("/sign-up");
        var token = page.QuerySelector("input[name='__RequestVerificationToken']")!.GetAttribute("value")!;
        var request = new HttpRequestMessage(HttpMethod.Post, "/sign-up")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["Email"] = ada.Email, ["Password"] = Person.Password, ["__RequestVerificationToken"] = token }),
        };
        request.Headers.TryAddWithoutValidation("User-Agent", "<script>alert(1)</script> Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0");
        using var response = await ada.SendAsync(request);

        (await ada.PageAsync("/account")).QuerySelector("section[aria-labelledby='sessions'] .row-title")!.TextContent.Should().Be("Firefox on Linux");
        (await Broker.WithDatabaseAsync(db => db.Sessions.AnyAsync(s => s.Device.Contains("script")))).Should().BeFalse();
    }
}
