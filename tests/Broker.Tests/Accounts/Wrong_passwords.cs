using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

[Collection(AccountsOverTime.Name)]
public sealed class Wrong_passwords(AccountsOverTime.Broker over)
{
    private const string Wrong = "not the password";

    private BrokerHost Broker => over.Host;

    private FakeTimeProvider Clock => over.Clock;

    [Fact]
    public async Task Lock_the_password_at_the_fifth_and_for_five_minutes()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);
        await FailAsync(browser, ada, 5);

        (await PassesAsync(browser, ada)).Should().BeFalse("the right password is refused as well while it is locked");
        Clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        (await PassesAsync(browser, ada)).Should().BeFalse();
        Clock.Advance(TimeSpan.FromSeconds(1));
        (await PassesAsync(browser, ada)).Should().BeTrue();

        (await ada.AuditAsync()).Count(action => action == "account.locked").Should().Be(1);
    }

    [Fact]
    public async Task Four_times_lock_nothing_and_a_right_one_starts_afresh()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        for (var round = 0; round < 2; round++)
        {
            using var browser = new Person(Broker);
            await FailAsync(browser, ada, 4);
            (await PassesAsync(browser, ada)).Should().BeTrue();
        }
    }

    [Fact]
    public async Task After_a_lock_lock_for_twice_as_long()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);
        await FailAsync(browser, ada, 5);
        Clock.Advance(TimeSpan.FromMinutes(5));
        await FailAsync(browser, ada, 1);

        Clock.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        (await PassesAsync(browser, ada)).Should().BeFalse();
        Clock.Advance(TimeSpan.FromSeconds(1));
        (await PassesAsync(browser, ada)).Should().BeTrue();
    }

    [Fact]
    public async Task Never_lock_for_more_than_an_hour()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var browser = new Person(Broker);
        await FailAsync(browser, ada, 5);
        for (var i = 0; i < 6; i++)
        {
            Clock.Advance(TimeSpan.FromHours(1));
            await FailAsync(browser, ada, 1);
        }

        Clock.Advance(TimeSpan.FromHours(1));
        (await PassesAsync(browser, ada)).Should().BeTrue();
    }

    [Fact]
    public async Task In_parallel_get_no_more_tries_than_in_a_row()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        var browsers = Enumerable.Range(0, 8).Select(_ => new Person(Broker)).ToList();

        var responses = await Task.WhenAll(browsers.Select(browser => browser.SignInAsync(ada.Email, Wrong)));

        responses.Should().AllSatisfy(response => response.StatusCode.Should().Be(HttpStatusCode.OK));
        var user = await Broker.WithDatabaseAsync(db => db.Users.AsNoTracking().SingleAsync(u => u.Email == ada.Email));
        user.AccessFailedCount.Should().Be(5, "an attempt is taken before the hash is computed");
        (await PassesAsync(browsers[0], ada)).Should().BeFalse();
        browsers.ForEach(browser => browser.Dispose());
    }

    [Fact]
    public async Task Of_a_thief_do_not_throw_the_owner_out()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var thief = new Person(Broker);

        await FailAsync(thief, ada, 5);

        (await ada.IsSignedInAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Lock_the_change_of_the_password_too()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        for (var i = 0; i < 5; i++)
        {
            using var refused = await ada.PostAsync("/account/password", new() { ["CurrentPassword"] = Wrong, ["NewPassword"] = "walnut harbour violet 88" });
            (await Browsing.ComplaintAsync(refused)).Should().StartWith("That is not your current password");
        }

        using var locked = await ada.PostAsync("/account/password", new() { ["CurrentPassword"] = Person.Password, ["NewPassword"] = "walnut harbour violet 88" });

        (await Browsing.ComplaintAsync(locked)).Should().StartWith("That is not your current password");
    }

    private static async Task FailAsync(Person browser, Person owner, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var response = await browser.SignInAsync(owner.Email, Wrong);
            response.StatusCode.Should().Be(HttpStatusCode.OK);
        }
    }

    private static async Task<bool> PassesAsync(Person browser, Person owner)
    {
        using var response = await browser.SignInAsync(owner.Email, Person.Password);
        return response.StatusCode == HttpStatusCode.SeeOther;
    }
}
