using System.Net;
using AngleSharp.Dom;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Apps;
using TokenBroker.Metering;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

public sealed class The_apps_page(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Tells_a_newcomer_what_comes_next()
    {
        using var person = await Person.SignedUpAsync(Broker);

        var page = await person.PageAsync("/");

        page.QuerySelector(".empty h2")!.TextContent.Should().Be("No app has access");
        page.QuerySelector(".empty a[href='/keys']").Should().NotBeNull();
    }

    [Fact]
    public async Task Shows_what_an_app_may_do_and_when_it_was_last_used()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var key = BrokerHost.NewKey();
        await person.AddKeyAsync(key, "Personal");
        var tokens = await new OAuthApp(Broker).ConnectAsync(person, "openai:chat offline_access", new() { ["Form.ModelChoice"] = "some", ["Form.Models"] = "gpt-4o-mini" });
        var row = await RowAsync(person);
        row.QuerySelector(".row-meta")!.TextContent.Should().Contain($"Personal \u00b7\u00b7\u00b7\u00b7{key[^4..]}, not used yet");
        row.QuerySelector(".badge")!.TextContent.Should().Be("Active");
        row.QuerySelector("dl")!.TextContent.Should().Contain("gpt-4o-mini");

        using var call = await new Api(Broker, tokens.AccessToken).ChatAsync();

        await UntilAsync(async () => (await RowAsync(person)).QuerySelector(".row-meta")!.TextContent.Contains("last used just now", StringComparison.Ordinal));
        row = await RowAsync(person);
        row.QuerySelector(".meter-text")!.TextContent.Should().Contain("of $5.00 this month").And.Contain("1 call").And.NotContain("$0.00 of");
    }

    [Theory]
    [InlineData(0, "$0.00 of $5.00", "0", "Active")]
    [InlineData(2_500_000, "$2.50 of $5.00", "50", "Active")]
    [InlineData(4_999_999, "of $5.00", "99", "Active")]
    [InlineData(5_000_000, "$5.00 of $5.00", "100", "Budget used up")]
    public async Task Shows_how_much_of_the_budget_is_used(long spent, string words, string percent, string state)
    {
        using var person = await Person.WithKeyAsync(Broker);
        await new OAuthApp(Broker).ConnectAsync(person);
        await Broker.WithDatabaseAsync(async db =>
        {
            var grant = await db.Grants.SingleAsync(g => db.Users.Any(u => u.Id == g.UserId && u.Email == person.Email));
            db.Spend.Add(new Spend { OwnerId = grant.Id, Period = SpendPeriods.Of(TimeProvider.System.GetUtcNow()).Month, CostMicros = spent, Calls = 1234 });
            return await db.SaveChangesAsync();
        });

        var row = await RowAsync(person);

        row.QuerySelector(".meter-text")!.TextContent.Should().Contain(words).And.Contain("1,234 calls");
        row.QuerySelector("meter")!.GetAttribute("value").Should().Be(percent);
        row.QuerySelector(".badge")!.TextContent.Should().Be(state);
    }

    [Fact]
    public async Task Says_that_the_limit_of_all_apps_together_holds_them_back()
    {
        using var person = await Person.WithKeyAsync(Broker);
        await new OAuthApp(Broker).ConnectAsync(person);
        using (var some = await person.PostAsync("/limits", new() { ["Caps.Month"] = "20" }))
        {
            some.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        var page = await person.PageAsync("/");
        page.QuerySelector(".tile-note")!.TextContent.Should().StartWith("of $20.00, all apps");
        page.QuerySelector(".alert-warn").Should().BeNull();
        page.QuerySelector("li[data-app] .badge")!.TextContent.Should().Be("Active");

        using (var none = await person.PostAsync("/limits", new() { ["Caps.Day"] = "0", ["Caps.Month"] = "20" }))
        {
            none.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        page = await person.PageAsync("/");
        page.QuerySelector(".alert-warn")!.TextContent.Should().Contain("No app can call now").And.Contain("$0.00 of $0.00 spent today");
        page.QuerySelector(".alert-warn a[href='/limits']").Should().NotBeNull();
        page.QuerySelector("li[data-app] .badge")!.TextContent.Should().Be("Limit used up");
    }

    [Fact]
    public async Task Counts_the_calls_of_ended_apps_as_it_does_their_cost()
    {
        using var person = await Person.WithKeyAsync(Broker);
        await new OAuthApp(Broker).ConnectAsync(person);
        await Broker.WithDatabaseAsync(async db =>
        {
            var grant = await db.Grants.SingleAsync(g => db.Users.Any(u => u.Id == g.UserId && u.Email == person.Email));
            db.Spend.Add(new Spend { OwnerId = grant.Id, Period = SpendPeriods.Of(TimeProvider.System.GetUtcNow()).Month, CostMicros = 2_500_000, Calls = 1234 });
            return await db.SaveChangesAsync();
        });
        await person.PressAsync("Test App", "Revoke");
        await new OAuthApp(Broker).ConnectAsync(person);

        var tiles = (await person.PageAsync("/")).QuerySelectorAll(".tile-value").Select(tile => tile.TextContent);

        tiles.Should().Equal("$2.50", "1,234", "1");
    }

    [Fact]
    public async Task Pauses_and_resumes()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var api = new Api(Broker, (await new OAuthApp(Broker).ConnectAsync(person)).AccessToken);

        await person.PressAsync("Test App", "Pause");
        (await RowAsync(person)).QuerySelector(".badge")!.TextContent.Should().Be("Paused");
        using (var call = await api.ChatAsync())
        {
            (await Api.ErrorAsync(call)).Code.Should().Be("grant_paused");
        }

        await person.PressAsync("Test App", "Pause");
        (await RowAsync(person)).QuerySelector(".badge")!.TextContent.Should().Be("Active");
        using (var call = await api.ChatAsync())
        {
            call.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        (await person.AuditAsync()).Should().ContainInOrder("grant.paused", "grant.resumed");
    }

    [Fact]
    public async Task Ends_access_and_keeps_what_it_was_in_the_list_of_the_ended()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var api = new Api(Broker, (await new OAuthApp(Broker).ConnectAsync(person)).AccessToken);
        var before = await person.PageAsync("/");

        await person.PressAsync("Test App", "Revoke");

        var page = await person.PageAsync("/");
        page.QuerySelector("[role='status']")!.TextContent.Should().Contain("Test App has no access any more");
        page.QuerySelector("li[data-app]").Should().BeNull();
        page.QuerySelector("section[aria-labelledby='ended'] li")!.TextContent.Should().Contain("Test App").And.Contain("ended just now");
        using var call = await api.ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);

        using var resume = await person.SubmitAsync(before, "/", new() { ["pause"] = "false" }, "li[data-app] form[action*='handler=Pause']");
        using var still = await api.ChatAsync();
        still.StatusCode.Should().Be(HttpStatusCode.Unauthorized, "an ended grant cannot be resumed");
    }

    [Fact]
    public async Task Never_shows_anothers_apps_keys_or_sessions()
    {
        using var ada = await Person.WithKeyAsync(Broker);
        await new OAuthApp(Broker).ConnectAsync(ada);
        using var bob = await Person.SignedUpAsync(Broker);

        foreach (var path in new[] { "/", "/keys", "/account" })
        {
            (await bob.PageAsync(path)).Body!.TextContent.Should().NotContain("Test App").And.NotContain(ada.Email);
        }

        (await bob.PageAsync("/keys")).QuerySelector("ul[aria-label='Your keys']").Should().BeNull();
        (await bob.PageAsync("/account")).QuerySelectorAll("section[aria-labelledby='sessions'] li").Should().ContainSingle();
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("\"><img src=x onerror=alert(1)>")]
    [InlineData("{{constructor.constructor('alert(1)')()}}")]
    [InlineData("Ada & Bob's \"App\"")]
    [InlineData("\ud83e\udda6 Otter \u65e5\u672c\u8a9e")]
    public async Task Shows_the_name_of_an_app_as_text(string name)
    {
        var app = await RegisterAsync(name);
        using var person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(person, "openai:chat offline_access");

        var page = await person.PageAsync("/");
        var row = page.QuerySelector("li[data-app]")!;
        row.GetAttribute("data-app").Should().Be(name);
        row.QuerySelector(".row-title")!.TextContent.Should().Be(name);
        row.QuerySelector(".avatar")!.TextContent.Should().Be(name.StartsWith('\ud83e') ? "\ud83e\udda6" : name[..1]);
        page.QuerySelectorAll("script:not([src]), img[src='x'], [onerror]").Should().BeEmpty();

        using var ended = await person.SubmitAsync(page, "/", [], "li[data-app] form[action*='handler=Revoke']");
        var after = await person.PageAsync("/");
        after.QuerySelector("[role='status']")!.TextContent.Trim().Should().StartWith(name);
        after.QuerySelector("section[aria-labelledby='ended'] .row-title")!.TextContent.Should().Be(name);
        after.QuerySelectorAll("script:not([src]), img[src='x'], [onerror]").Should().BeEmpty();
    }

    private async Task<OAuthApp> RegisterAsync(string name)
    {
        var secret = Convert.ToBase64String(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));
        var entry = new AppRegistration
        {
            ClientId = "app-" + Guid.NewGuid().ToString("N"),
            ClientSecret = secret,
            Name = name,
            RedirectUris = { BrokerHost.RedirectUri },
            Scopes = { "openai:chat", "offline_access" },
        };
        await using var scope = Broker.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, CancellationToken.None);
        return new OAuthApp(Broker, entry.ClientId) { Secret = secret };
    }

    private static async Task<IElement> RowAsync(Person person) => (await person.PageAsync("/")).QuerySelector("li[data-app='Test App']")!;

    /// <summary>Usage is written behind the calls, in batches.</summary>
    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await holds())
        {
            await Task.Delay(50, limit.Token);
        }
    }
}
