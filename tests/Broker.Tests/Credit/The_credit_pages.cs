using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

public sealed class The_credit_pages(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Take_a_developer_from_a_key_to_a_users_credit()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        var at = $"/developer/{app.ClientId}/credit";
        (await developer.Person.PageAsync(at)).QuerySelector(".empty h2")!.TextContent.Should().Be("No key is up");
        var key = BrokerHost.NewKey();
        using var put = await developer.Person.PostAsync(at + "/key", new() { ["NewKey"] = key, ["Upstream"] = "openai" });
        put.StatusCode.Should().Be(HttpStatusCode.SeeOther, await put.Content.ReadAsStringAsync());
        using var made = await developer.Person.PostAsync(at + "/secret", new() { ["name"] = "Payments" });
        var secret = (await Person.ParseAsync(made)).QuerySelector("#credit-secret")!.TextContent;

        // A user without any key of their own.
        using var person = await Person.SignedUpAsync(Broker);
        var consent = await person.PageAsync(app.AuthorizeUrl(Developer.AppScope));
        consent.QuerySelector("fieldset.radio-cards input[name='Form.KeyId'][checked]")!.GetAttribute("value").Should().StartWith("credit-");
        consent.QuerySelector("fieldset.radio-cards")!.TextContent.Should().Contain("Your credit with My App").And.Contain("$0.00 left");
        var api = new Api(Broker, (await app.ConnectAsync(person, Developer.AppScope)).AccessToken);
        var userId = await Broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        using var none = await api.ChatAsync();
        using var http = Broker.NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/credit/top-ups")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { user = userId, amount = "5.00", note = "Order 17" }),
            Headers = { Authorization = new("Bearer", secret) },
        };
        request.Headers.Add("Idempotency-Key", "order-17");
        using var toppedUp = await http.SendAsync(request);
        using var call = await api.ChatAsync();

        none.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        toppedUp.StatusCode.Should().Be(HttpStatusCode.Created, await toppedUp.Content.ReadAsStringAsync());
        call.StatusCode.Should().Be(HttpStatusCode.OK, await call.Content.ReadAsStringAsync());
        Broker.Journal.Snapshot().Should().Contain(e => e.Key == key && e.Path == "/v1/chat/completions");
        var page = await Eventually.IsAsync(() => person.PageAsync("/credit"), shown => shown.QuerySelectorAll("[data-sponsor='My App'] li").Length == 2);
        var rows = page.QuerySelectorAll("[data-sponsor='My App'] li").Select(row => row.TextContent).ToList();
        rows.Should().Contain(row => row.Contains("Topped up") && row.Contains("Order 17") && row.Contains("+$5.00")).And.Contain(row => row.Contains("One call"));
        var seen = await developer.Person.PageAsync(at);
        seen.QuerySelector("ul[aria-label='Users with credit']")!.TextContent.Should().Contain(userId.ToString()).And.NotContain(person.Email);
        developer.Person.Received.Should().NotContain(text => text.Contains(key, StringComparison.Ordinal), "a key never comes back");
        (await developer.Person.PageAsync(at)).Body!.TextContent.Should().NotContain(secret, "a secret is shown once");

        using var revoked = await developer.Person.PostAsync(at, [], "form[action*='handler=Revoke']");
        using var late = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/credit/users/{userId}") { Headers = { Authorization = new("Bearer", secret) } };
        (await http.SendAsync(late)).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Say_so_where_there_is_no_credit()
    {
        using var person = await Person.SignedUpAsync(Broker);

        var page = await person.PageAsync("/credit");

        page.QuerySelector(".empty h2")!.TextContent.Should().Be("No credit");
        page.QuerySelector("nav a[aria-current='page']")!.TextContent.Should().Be("Credit");
    }

    [Trait("Checklist", "35")]
    [Fact]
    public async Task Are_not_found_for_another_developers_app_and_nothing_changes()
    {
        using var ada = await Developer.SignedUpAsync(Broker);
        using var mallory = await Developer.SignedUpAsync(Broker);
        var app = await ada.NewAppAsync();
        var own = await mallory.NewAppAsync();
        var sponsor = await Sponsored.ByAsync(Broker, app.ClientId);
        var at = $"/developer/{app.ClientId}/credit";

        foreach (var path in (string[])[at, at + "/key", at + "/secret"])
        {
            using var seen = await mallory.Person.GetAsync(path);
            seen.StatusCode.Should().Be(HttpStatusCode.NotFound, path);
        }

        foreach (var (path, fields) in ((string Path, Dictionary<string, string> Fields)[])
            [(at + "?handler=Withdraw", new() { ["upstream"] = "openai" }), (at + "?handler=Revoke", new() { ["id"] = sponsor.Secret.Id.ToString() }),
            ($"/developer/{own.ClientId}/credit?handler=Revoke", new() { ["id"] = sponsor.Secret.Id.ToString() }),
            ($"/developer/{own.ClientId}/credit?handler=Withdraw", new() { ["upstream"] = "openai" }),
            (at + "/key", new() { ["Upstream"] = "openai", ["NewKey"] = BrokerHost.NewKey() }), (at + "/secret", new() { ["name"] = "Mine" })])
        {
            using var posted = await mallory.Person.PostFromAsync("/account", path, fields);
            posted.StatusCode.Should().Be(HttpStatusCode.NotFound, path);
        }

        (await Broker.WithDatabaseAsync(db => db.SponsorKeys.CountAsync(k => k.SponsorId == sponsor.SponsorId))).Should().Be(1);
        (await Broker.WithDatabaseAsync(db => db.CreditSecrets.CountAsync(s => s.SponsorId == sponsor.SponsorId && s.RevokedAt == null))).Should().Be(1);
    }

    [Fact]
    public async Task Ask_for_a_fresh_sign_in_before_a_key_or_a_secret()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var developer = await Developer.SignedUpAsync(broker);
        var app = await developer.NewAppAsync();
        clock.Advance(TimeSpan.FromMinutes(30));

        foreach (var path in (string[])["/key", "/secret"])
        {
            using var asked = await developer.Person.GetAsync($"/developer/{app.ClientId}/credit{path}");
            asked.StatusCode.Should().Be(HttpStatusCode.Found, path);
            asked.Headers.Location!.OriginalString.Should().StartWith("/sign-in?reauth=1");
        }
    }
}
