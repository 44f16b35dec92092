using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Audit;

public sealed class Recording_decisions(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Names_who_did_what_to_what()
    {
        var key = BrokerHost.NewKey();
        using var person = await Person.SignedUpAsync(Broker);
        var userId = await Broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        (await person.AddKeyAsync(key)).Should().BeNull();
        var app = new OAuthApp(Broker);
        using (await (await ConsentPage.OpenAsync(person, app.AuthorizeUrl())).AnswerAsync("deny"))
        {
        }

        var tokens = await app.ConnectAsync(person, "openai:models offline_access");
        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Forbidden);
        await person.PressAsync("Test App", "Pause");
        await person.PressAsync("Test App", "Pause");
        await person.PressAsync("Test App", "Revoke");
        using (await person.PostAsync("/keys", [], "form[action*='handler=Delete']"))
        {
        }

        var events = await EventsAsync(userId, e => e.Any(x => x.Action == "call.refused"));

        var user = $"user:{userId}";
        Single("account.created").Should().Match<AuditEvent>(e => e.Actor == user && e.Target == user);
        Single("session.started").Should().Match<AuditEvent>(e => e.Actor == user && e.Target.StartsWith("session:"));
        Single("key.stored").Should().Match<AuditEvent>(e => e.Actor == user && e.Target.StartsWith("key:"));
        Single("consent.denied").Should().Match<AuditEvent>(e => e.Actor == user && e.Target.StartsWith("app:"));
        var grant = Single("grant.approved").Target;
        grant.Should().StartWith("grant:");
        Single("grant.approved").Actor.Should().Be(user);
        Fact(Single("grant.approved"), "scopes").EnumerateArray().Select(s => s.GetString()).Should().BeEquivalentTo("openai:models", "offline_access");
        Single("call.refused").Should().Match<AuditEvent>(e => e.Actor == "system" && e.Target == grant);
        Fact(Single("call.refused"), "code").GetString().Should().Be("insufficient_scope");
        Single("grant.paused").Should().Match<AuditEvent>(e => e.Actor == user && e.Target == grant);
        Single("grant.resumed").Should().Match<AuditEvent>(e => e.Actor == user && e.Target == grant);
        Single("grant.ended").Should().Match<AuditEvent>(e => e.Actor == user && e.Target == grant);
        var stored = Single("key.stored").Target;
        Single("key.deleted").Should().Match<AuditEvent>(e => e.Actor == user && e.Target == stored);
        foreach (var entry in events)
        {
            var text = JsonSerializer.Serialize(entry);
            foreach (var secret in (string[])[key, key[..^4][^12..], tokens.AccessToken[^20..], tokens.RefreshToken[^20..], Person.Password, BrokerHost.AppSecret])
            {
                text.Should().NotContain(secret);
            }
        }

        AuditEvent Single(string action) => events.Should().ContainSingle(e => e.Action == action).Which;
    }

    [Fact]
    public async Task Says_why_a_grant_ended()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var userId = await Broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        var app = new OAuthApp(Broker);
        using (await app.RevokeAsync((await app.ConnectAsync(person)).RefreshToken))
        {
        }

        var code = await app.CodeAsync(person);
        using (await app.ExchangeAsync(code))
        using (await app.ExchangeAsync(code))
        {
        }

        var ended = (await EventsAsync(userId, _ => true)).Where(e => e.Action == "grant.ended").ToList();
        ended.Should().HaveCount(2);
        ended[0].Actor.Should().StartWith("app:");
        Fact(ended[0], "reason").GetString().Should().Be("app");
        ended[1].Actor.Should().Be("system");
        Fact(ended[1], "reason").GetString().Should().BeOneOf("code_replay", "token_replay");
    }

    [Fact]
    public async Task Counts_a_flood_of_refusals_in_few_rows()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var userId = await Broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        var api = new Api(Broker, (await new OAuthApp(Broker).ConnectAsync(person, "openai:models")).AccessToken);
        for (var i = 0; i < 50; i++)
        {
            using var refused = await api.ChatAsync();
        }

        var events = await EventsAsync(userId, e => Count(e) == 50);

        events.Count(e => e.Action == "call.refused").Should().BeLessThan(50);

        static int Count(IEnumerable<AuditEvent> events) => events.Where(e => e.Action == "call.refused").Sum(e => Fact(e, "count").GetInt32());
    }

    [Fact]
    public async Task Records_a_call_that_a_paused_grant_refused()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var userId = await Broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        var api = new Api(Broker, (await new OAuthApp(Broker).ConnectAsync(person)).AccessToken);
        await person.PressAsync("Test App", "Pause");

        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Forbidden);

        var events = await EventsAsync(userId, e => e.Any(x => x.Action == "call.refused"));
        Fact(events.Single(e => e.Action == "call.refused"), "code").GetString().Should().Be("grant_paused");
    }

    [Fact]
    public async Task Leaves_a_chain_that_verifies()
    {
        using var person = await Person.WithKeyAsync(Broker);

        var (verified, brokenAt) = await Broker.WithDatabaseAsync(db => new AuditLog(db, TimeProvider.System).VerifyAsync(CancellationToken.None));

        brokenAt.Should().BeNull();
        verified.Should().BePositive();
    }

    private static JsonElement Fact(AuditEvent entry, string name) => JsonDocument.Parse(entry.Detail).RootElement.GetProperty(name);

    /// <summary>Refusals are written in the background, a moment later.</summary>
    private Task<List<AuditEvent>> EventsAsync(Guid userId, Func<List<AuditEvent>, bool> complete) => Eventually.IsAsync(
        () => Broker.WithDatabaseAsync(db => db.AuditEvents.AsNoTracking().Where(e => e.UserId == userId).OrderBy(e => e.Sequence).ToListAsync()), complete);
}
