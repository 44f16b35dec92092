using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

[Collection(AccountsOverTime.Name)]
public sealed class Grants_that_ran_out(AccountsOverTime.Broker over)
{
    [Fact]
    public async Task Are_listed_as_expired_for_thirty_days()
    {
        using var person = await Person.WithKeyAsync(over.Host);
        await new OAuthApp(over.Host).ConnectAsync(person, answer: new() { ["Form.LifetimeDays"] = "1" });
        (await EndedAsync(person)).Should().BeNull();

        over.Clock.Advance(TimeSpan.FromDays(1));
        (await EndedAsync(person)).Should().Contain("Test App").And.Contain("Expired");

        over.Clock.Advance(TimeSpan.FromDays(29));
        (await EndedAsync(person)).Should().Contain("Test App");

        over.Clock.Advance(TimeSpan.FromDays(1));
        (await EndedAsync(person)).Should().BeNull("the list is of the last 30 days");
    }

    private static async Task<string?> EndedAsync(Person person)
    {
        using var browser = await person.InAnotherBrowserAsync();
        return (await browser.PageAsync("/")).QuerySelector("section[aria-labelledby='ended'] li")?.TextContent;
    }
}
