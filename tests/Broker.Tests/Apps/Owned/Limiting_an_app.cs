using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Owned;

/// <summary>The developer's own limits for what their app spends, over all its users.</summary>
public sealed class Limiting_an_app(SharedBroker shared)
{
    [Fact]
    public async Task Holds_over_all_its_users_from_the_next_call_on()
    {
        using var developer = await Developer.SignedUpAsync(shared.Host);
        var app = await developer.NewAppAsync();
        var (one, two) = (await ConnectAsync(app), await ConnectAsync(app));
        await LimitAsync(developer, app, month: "5.00");
        (await StatusAsync(one)).Should().Be(HttpStatusCode.OK);

        await LimitAsync(developer, app, total: "0.00", month: "5.00");

        (await StatusAsync(one)).Should().Be(HttpStatusCode.PaymentRequired);
        (await StatusAsync(two)).Should().Be(HttpStatusCode.PaymentRequired);
        await LimitAsync(developer, app, month: "5.00");
        (await StatusAsync(two)).Should().Be(HttpStatusCode.OK);
        (await shared.Host.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Actor == $"user:{developer.UserId}").Select(e => e.Action).ToListAsync()))
            .Should().Contain("cap.set").And.Contain("cap.cleared");
    }

    [Fact]
    public async Task Shows_what_is_set_and_what_the_operator_allows()
    {
        using var developer = await Developer.SignedUpAsync(shared.Host);
        var app = await developer.NewAppAsync();
        await LimitAsync(developer, app, day: "1.5", month: "20");
        await shared.Host.WithDatabaseAsync(async db =>
        {
            var id = await db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync();
            db.SpendCaps.Add(new SpendCap { Kind = AccountKind.App, OwnerId = id, Period = TokenBroker.Grants.BudgetPeriod.Month, SetBy = CapSetter.Operator, Micros = 10_000_000, At = DateTime.UnixEpoch });
            return await db.SaveChangesAsync();
        });

        var page = await developer.Person.PageAsync($"/developer/{app.ClientId}/limits");
        (Value(page, "Day"), Value(page, "Month"), Value(page, "Total")).Should().Be(("1.5", "20", ""));
        page.QuerySelector("main")!.TextContent.Should().Contain("allow at most $10.00");

        using var wrong = await developer.Person.PostAsync($"/developer/{app.ClientId}/limits", new() { ["Caps.Day"] = "-1", ["Caps.Month"] = "1e9", ["Caps.Total"] = "7" });
        wrong.StatusCode.Should().Be(HttpStatusCode.OK);
        var again = await Person.ParseAsync(wrong);
        again.QuerySelectorAll(".error").Should().HaveCount(2);
        (Value(again, "Day"), Value(again, "Month"), Value(again, "Total")).Should().Be(("-1", "1e9", "7"), "what was typed stays");
        again.QuerySelector("main")!.TextContent.Should().Contain("allow at most $10.00", "it still holds");
        (Value(await developer.Person.PageAsync($"/developer/{app.ClientId}/limits"), "Total")).Should().BeEmpty("nothing of it was saved");
    }

    private static string Value(AngleSharp.Dom.IDocument page, string field) => page.QuerySelector($"input[name='Caps.{field}']")!.GetAttribute("value") ?? "";

    private static async Task LimitAsync(Developer developer, OAuthApp app, string day = "", string month = "", string total = "")
    {
        using var saved = await developer.Person.PostAsync($"/developer/{app.ClientId}/limits", new() { ["Caps.Day"] = day, ["Caps.Month"] = month, ["Caps.Total"] = total });
        saved.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    private static async Task<HttpStatusCode> StatusAsync(Api api)
    {
        using var response = await api.ChatAsync();
        return response.StatusCode;
    }

    private async Task<Api> ConnectAsync(OAuthApp app)
    {
        using var person = await Person.WithKeyAsync(shared.Host);
        return new Api(shared.Host, (await app.ConnectAsync(person, Developer.AppScope)).AccessToken);
    }
}
