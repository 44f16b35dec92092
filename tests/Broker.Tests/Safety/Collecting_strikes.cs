using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

public sealed class Collecting_strikes
{
    private const string Flagged = "[[flag:harassment]]";

    [Fact]
    public async Task Warns_a_person_then_suspends_them_for_a_time_then_bans_them()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerHost.StartAsync(
            new()
            {
                ["Safety:Moderation:Mode"] = "On",
                ["Safety:Strikes:User:Warn"] = "2",
                ["Safety:Strikes:User:Suspend"] = "3",
                ["Safety:Strikes:User:Ban"] = "4",
                ["Safety:Strikes:SuspendFor"] = "00:10:00",
            },
            clock);
        using var connected = await Connected.AsAsync(broker);

        await FlagAsync(connected, 2);
        (await connected.Person.NoticesAsync()).Should().Contain("Moderation flagged several calls");
        await FlagAsync(connected, 1);

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().Be("user_suspended");
        (await connected.Person.NoticesAsync()).Should().Contain("Your account is suspended until");
        clock.Advance(TimeSpan.FromMinutes(11));
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().BeEmpty("the suspension is over, and the grant works again");

        // Eleven minutes of a half-life of thirty days take nothing off the three points that anybody would see.
        await FlagAsync(connected, 1);
        clock.Advance(TimeSpan.FromMinutes(11));
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().Be("user_suspended", "the fourth bans, and a ban has no end");
        (await broker.WithDatabaseAsync(db => db.Sanctions.OrderBy(s => s.From).Select(s => s.Until == null).ToListAsync())).Should().Equal(false, true);
        (await broker.AuditAsync("safety.warned")).Should().ContainSingle();
        (await broker.AuditAsync("safety.banned")).Should().ContainSingle();
    }

    [Fact]
    public async Task Suspends_an_app_for_several_peoples_strikes_and_never_for_those_of_one()
    {
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Safety:Moderation:Mode"] = "On",
            ["Safety:Strikes:User:Warn"] = "900",
            ["Safety:Strikes:User:Suspend"] = "900",
            ["Safety:Strikes:User:Ban"] = "900",
            ["Safety:Strikes:App:Warn"] = "1",
            ["Safety:Strikes:App:Suspend"] = "2",
            ["Safety:Strikes:App:Ban"] = "50",
            ["Safety:Strikes:MostOfOneUserADay"] = "4",
        });
        using var one = await Connected.AsAsync(broker);
        using var second = await Connected.AsAsync(broker);
        using var third = await Connected.AsAsync(broker);

        await FlagAsync(one, 7);
        (await SafetySteps.CodeOfAsync(one.Api.ChatAsync())).Should().BeEmpty();
        (await one.StrikesAsync()).Sum(s => s.AppWeight).Should().Be(4_000, "one person brings an app no more in a day");
        await FlagAsync(second, 1);
        (await SafetySteps.CodeOfAsync(second.Api.ChatAsync())).Should().BeEmpty("two people are not three");
        await FlagAsync(third, 1);

        foreach (var connected in (Connected[])[one, second, third])
        {
            (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().Be("app_suspended");
        }

        (await broker.AuditAsync("safety.suspended")).Should().ContainSingle().Which.Target.Should().StartWith("app:");
    }

    [Fact]
    public async Task Holds_nothing_against_who_speaks_of_harming_themselves()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Safety:Moderation:Mode"] = "On", ["Safety:Strikes:User:Warn"] = "1" });
        using var connected = await Connected.AsAsync(broker);

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync("[[flag:self-harm/intent]]"))).Should().Be("content_flagged");
        (await connected.StrikesAsync()).Should().ContainSingle().Which.UserWeight.Should().Be(0);
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync("[[flag:sexual/minors]]"))).Should().Be("content_flagged");

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().Be("user_suspended", "that one weighs the most");
    }

    private static async Task FlagAsync(Connected connected, int times)
    {
        for (var i = 0; i < times; i++)
        {
            (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync(Flagged))).Should().Be("content_flagged");
        }
    }
}
