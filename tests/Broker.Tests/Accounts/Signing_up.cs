using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

public sealed class Signing_up(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Makes_an_account_and_signs_in()
    {
        using var person = await Person.SignedUpAsync(Broker);

        (await person.IsSignedInAsync()).Should().BeTrue();
        (await person.AuditAsync()).Should().Equal("account.created", "session.started");
        using var other = await person.InAnotherBrowserAsync();
        (await other.IsSignedInAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Keeps_the_password_as_a_slow_hash_only()
    {
        await using var broker = await BrokerHost.StartAsync(customise: BrokerHost.HashSlowly);
        using var person = await Person.SignedUpAsync(broker);

        var hash = await broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.PasswordHash).SingleAsync());

        var bytes = Convert.FromBase64String(hash!);
        bytes[0].Should().Be(1, "Identity's format 3");
        System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(1)).Should().Be(2, "HMAC-SHA-512");
        System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(5)).Should().Be(210_000);
        broker.Log.Lines.Should().NotContain(line => line.Contains(Person.Password, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ada")]
    [InlineData("ada@")]
    [InlineData("@example.com")]
    [InlineData("Ada <ada@example.com>")]
    [InlineData("ada@example.com, bob@example.com")]
    [InlineData("ada@example.com\r\nBcc: bob@example.com")]
    public async Task Wants_an_address(string email)
    {
        using var person = new Person(Broker);

        using var response = await person.SignUpAsync(email, Person.Password);

        (await Browsing.ComplaintAsync(response)).Should().StartWith("Enter an e-mail address");
        person.SessionOf().Should().BeNull();
    }

    [Fact]
    public async Task Refuses_an_address_that_is_too_long()
    {
        using var person = new Person(Broker);

        using var response = await person.SignUpAsync(new string('a', 250) + "@example.com", Person.Password);

        (await Browsing.ComplaintAsync(response)).Should().StartWith("Enter an e-mail address");
    }

    [Theory]
    [InlineData("short one", "Use at least 12 characters")]
    [InlineData("elevenchars", "Use at least 12 characters")]
    [InlineData("", "Use at least 12 characters")]
    [InlineData("password1234", "one of the first that a guesser tries")]
    [InlineData("PASSWORD2026!!", "one of the first that a guesser tries")]
    [InlineData("abcabcabcabc", "one of the first that a guesser tries")]
    [InlineData("123456789012", "one of the first that a guesser tries")]
    [InlineData("aaaaaaaaaaaaaaaa", "one of the first that a guesser tries")]
    [InlineData("correcthorsebatterystaple", "one of the first that a guesser tries")]
    public async Task Refuses_a_password_that_a_guesser_tries_first(string password, string complaint)
    {
        using var person = new Person(Broker);

        using var response = await person.SignUpAsync(person.Email, password);

        (await Browsing.ComplaintAsync(response)).Should().Contain(complaint);
        (await response.Content.ReadAsStringAsync()).Should().NotContain(password.Length == 0 ? "\0" : password, "a password is never sent back");
        person.SessionOf().Should().BeNull();
    }

    [Fact]
    public async Task Refuses_the_address_as_password()
    {
        using var person = new Person(Broker);

        using var whole = await person.SignUpAsync(person.Email, person.Email.ToUpperInvariant());
        using var name = await person.SignUpAsync(person.Email, person.Email.Split('@')[0] + "2026");

        (await Browsing.ComplaintAsync(whole)).Should().Contain("Do not use your e-mail address");
        (await Browsing.ComplaintAsync(name)).Should().Contain("Do not use your e-mail address");
    }

    [Fact]
    public async Task Takes_a_long_password_of_any_letters_and_refuses_one_beyond_256()
    {
        using var person = new Person(Broker);
        using var tooLong = await person.SignUpAsync(person.Email, string.Concat(Enumerable.Range(0, 52).Select(i => $"w{i:000} ")));
        (await Browsing.ComplaintAsync(tooLong)).Should().Contain("Use at most 256 characters");
        var password = "d\u00e9j\u00e0 vu \ud83e\udda6 \u65e5\u672c\u8a9e " + string.Concat(Enumerable.Range(0, 40).Select(i => $"w{i:000} "));

        using var response = await person.SignUpAsync(person.Email, password);

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        using var other = await person.InAnotherBrowserAsync(password);
    }

    [Fact]
    public async Task With_an_address_that_is_taken_changes_nothing()
    {
        using var ada = await Person.SignedUpAsync(Broker);
        using var other = new Person(Broker);

        using var response = await other.SignUpAsync(ada.Email.ToUpperInvariant(), "another long password");

        (await Browsing.ComplaintAsync(response)).Should().StartWith("An account cannot be made with that e-mail address.");
        other.SessionOf().Should().BeNull();
        using var still = await ada.InAnotherBrowserAsync();
        using var taken = new Person(Broker);
        using var refused = await taken.SignInAsync(ada.Email, "another long password");
        refused.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task With_one_address_many_times_at_once_makes_one_account()
    {
        using var person = new Person(Broker);
        var browsers = Enumerable.Range(0, 6).Select(_ => new Person(Broker)).ToList();

        var responses = await Task.WhenAll(browsers.Select(browser => browser.SignUpAsync(person.Email, Person.Password)));

        responses.Count(response => response.StatusCode == HttpStatusCode.SeeOther).Should().Be(1);
        responses.Where(response => response.StatusCode != HttpStatusCode.SeeOther).Should().AllSatisfy(response => response.StatusCode.Should().Be(HttpStatusCode.OK));
        (await Broker.WithDatabaseAsync(db => db.Users.CountAsync(u => u.Email == person.Email))).Should().Be(1);
        browsers.ForEach(browser => browser.Dispose());
    }
}
