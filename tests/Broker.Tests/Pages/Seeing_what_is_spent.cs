using System.Net;
using AngleSharp.Dom;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

/// <summary>Wherever a limit is set, the page says what is spent of it in the period that runs.</summary>
public sealed class Seeing_what_is_spent(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("Day", "$0.10 of $5.00 spent today", "2")]
    [InlineData("Month", "$2.50 of $5.00 spent this month", "50")]
    [InlineData("Total", "$7.00 of $5.00 spent in all", "100")]
    public async Task Of_an_apps_budget_where_it_is_changed(string period, string words, string percent)
    {
        using var connected = await Connected.AsAsync(Broker, budget: "5");
        await Broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId).ExecuteUpdateAsync(set => set.SetProperty(g => g.BudgetPeriod, Enum.Parse<BudgetPeriod>(period))));
        await SpendAsync(AccountKind.Grant, connected.GrantId, day: 100_000, month: 2_500_000, total: 7_000_000);

        var page = await connected.Person.PageAsync($"/apps/{connected.GrantId}");
        using var wrong = await connected.Person.PostAsync($"/apps/{connected.GrantId}", new() { ["Form.Budget"] = "much" });

        foreach (var shown in (IDocument[])[page, await Person.ParseAsync(wrong)])
        {
            shown.QuerySelector("#budget-spent")!.TextContent.Trim().Should().Be(words);
            shown.QuerySelector("meter")!.GetAttribute("value").Should().Be(percent);
        }
    }

    [Fact]
    public async Task Of_the_limits_of_all_apps_together()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var saved = await connected.Person.PostAsync("/limits", new() { ["Caps.Day"] = "1.00", ["Caps.Month"] = "20" });
        saved.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        var userId = await Broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId).Select(g => g.UserId).SingleAsync());
        await SpendAsync(AccountKind.User, userId, day: 950_000, month: 5_000_000, total: 12_340_000);

        Shows(await connected.Person.PageAsync("/limits"));

        // Beside a complaint as well, and by what holds, not by what was typed.
        using var wrong = await connected.Person.PostAsync("/limits", new() { ["Caps.Day"] = "much", ["Caps.Month"] = "3" });
        Shows(await Person.ParseAsync(wrong));

        static void Shows(IDocument page)
        {
            (Words(page, "Day"), Words(page, "Month"), Words(page, "Total")).Should().Be(("$0.95 of $1.00 spent today", "$5.00 of $20.00 spent this month", "$12.34 spent in all"));
            page.QuerySelectorAll("meter").Select(meter => meter.GetAttribute("value")).Should().Equal(["95", "25"], "what has no limit has no bar");
            page.QuerySelector("input[name='Caps.Day']")!.GetAttribute("aria-describedby").Should().Be("Day-spent");
        }
    }

    [Fact]
    public async Task Of_an_apps_limits_over_all_its_users_by_the_lowest_that_holds()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        var id = await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync());
        using var saved = await developer.Person.PostAsync($"/developer/{app.ClientId}/limits", new() { ["Caps.Month"] = "20" });
        saved.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        await Broker.WithDatabaseAsync(async db =>
        {
            db.SpendCaps.Add(new SpendCap { Kind = AccountKind.App, OwnerId = id, Period = BudgetPeriod.Month, SetBy = CapSetter.Operator, Micros = 10_000_000, At = DateTime.UnixEpoch });
            return await db.SaveChangesAsync();
        });
        await SpendAsync(AccountKind.App, id, day: 0, month: 7_500_000, total: 7_500_000);

        var page = await developer.Person.PageAsync($"/developer/{app.ClientId}/limits");

        (Words(page, "Day"), Words(page, "Month"), Words(page, "Total")).Should().Be(("$0.00 spent today", "$7.50 of $10.00 spent this month", "$7.50 spent in all"));
        page.QuerySelectorAll("meter").Select(meter => meter.GetAttribute("value")).Should().Equal("75");
    }

    private static string Words(IDocument page, string period) => page.QuerySelector($"#{period}-spent")!.TextContent.Trim();

    private Task<int> SpendAsync(AccountKind kind, Guid ownerId, long day, long month, long total) => Broker.WithDatabaseAsync(async db =>
    {
        var now = SpendPeriods.Of(TimeProvider.System.GetUtcNow());
        foreach (var (period, micros) in new[] { (now.Day, day), (now.Month, month), (SpendPeriods.Total, total) })
        {
            db.Spend.Add(new Spend { Kind = kind, OwnerId = ownerId, Period = period, CostMicros = micros });
        }

        return await db.SaveChangesAsync();
    });
}
