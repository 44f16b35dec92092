using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Authorization.Devices;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Devices;

/// <summary>Checklist 12: the code of somebody else's device cannot be found by trying (RFC 8628, section 5.1).</summary>
[Trait("Checklist", "12")]
public sealed class Guessing_user_codes(SharedBroker shared)
{
    private static readonly string[] s_wrong = ["BBBB-BBBB", "CCCC-CCCC", "DDDD-DDDD", "FFFF-FFFF", "GGGG-GGGG"];

    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Ends_after_five_wrong_ones()
    {
        await using var broker = await BrokerHost.StartAsync(clock: new FakeTimeProvider(DateTimeOffset.UtcNow));
        using var person = await Person.WithKeyAsync(broker);
        foreach (var code in s_wrong)
        {
            using var wrong = await Device.EnterAsync(person, code);
            (await ComplaintAsync(wrong)).Should().Contain("No device shows this code");
        }

        var device = await Device.StartAsync(broker);
        using var blocked = await Device.EnterAsync(person, device.UserCode);
        blocked.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        (await ComplaintAsync(blocked)).Should().Contain("Wait ten minutes");

        using var another = await Person.WithKeyAsync(broker);
        await device.SeeAsync(another);
        broker.Clock!.Advance(TimeSpan.FromMinutes(10));
        await (await Device.StartAsync(broker)).SeeAsync(person);
    }

    [Fact]
    public async Task Ends_as_soon_with_many_at_a_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await person.PageAsync("/connect/verify");

        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => person.SubmitAsync(page, "/connect/verify", new() { ["user_code"] = "BBBB-BBBB" })));

        responses.Count(response => response.StatusCode == HttpStatusCode.OK).Should().Be(5);
    }

    [Fact]
    public async Task Ends_with_the_answers_as_well()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        var page = await device.SeeAsync(person);
        foreach (var code in s_wrong)
        {
            using var wrong = await Device.AnswerAsync(person, page, more: new() { ["user_code"] = code });
            (await ComplaintAsync(wrong)).Should().Contain("No device shows this code");
        }

        using var blocked = await Device.AnswerAsync(person, page);

        blocked.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task Costs_nothing_for_codes_that_are_right()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);

        for (var i = 0; i < 8; i++)
        {
            await device.SeeAsync(person);
        }
    }

    [Fact]
    public void Ends_for_an_address_too_whoever_it_signs_in_as()
    {
        var guesses = new UserCodeGuesses(TimeProvider.System);

        var begun = Enumerable.Range(0, 100).Count(_ => guesses.TryBegin(Guid.NewGuid(), "192.0.2.1"));

        begun.Should().Be(UserCodeGuesses.MostOfNetwork);
        guesses.TryBegin(Guid.NewGuid(), "192.0.2.2").Should().BeTrue();
    }

    [Theory]
    [InlineData("bcdf-ghjk", "BCDFGHJK")]
    [InlineData("  BCDF GHJK ", "BCDFGHJK")]
    [InlineData("bcdfghjk", "BCDFGHJK")]
    [InlineData("B-C-D-F-G-H-J-K", "BCDFGHJK")]
    [InlineData("BCDF-GHJ", null)]
    [InlineData("BCDF-GHJKL", null)]
    [InlineData("BCDF-GHJ1", null)]
    [InlineData("BCDF-GHJ'", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void Is_not_what_a_person_does_who_types_it_in_their_way(string? entry, string? code) =>
        UserCodes.Read(entry).Should().Be(code);

    [Fact]
    public async Task Finds_no_code_that_was_answered()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        var page = await device.SeeAsync(person);
        using var first = await Device.AnswerAsync(person, page);
        first.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        using var again = await Device.EnterAsync(person, device.UserCode);
        using var twice = await Device.AnswerAsync(person, page);

        (await ComplaintAsync(again)).Should().Contain("No device shows this code");
        (await ComplaintAsync(twice)).Should().Contain("No device shows this code");
    }

    [Fact]
    public async Task Takes_the_code_in_small_letters_without_its_dash()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);

        using var response = await Device.EnterAsync(person, device.UserCode.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant());

        (await Person.ParseAsync(response)).QuerySelector(".device-code-letters")!.TextContent.Should().Be(device.UserCode);
    }

    private static async Task<string> ComplaintAsync(HttpResponseMessage response) =>
        (await Person.ParseAsync(response)).QuerySelector(".error")!.TextContent;
}
