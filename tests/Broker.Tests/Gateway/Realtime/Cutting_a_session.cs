using System.Net.WebSockets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Realtime;

/// <summary>Whatever ends the grant ends its sessions: the app reads why, and the provider stops at once.</summary>
public sealed class Cutting_a_session(SharedBroker shared)
{
    private const string Endless = "[[events:50000]] [[delay:5]]";

    [Theory]
    [InlineData("revoke", "grant_revoked")]
    [InlineData("pause", "grant_paused")]
    [InlineData("delete the key", "upstream_key_rejected")]
    [InlineData("revoke by the app", "grant_revoked")]
    public async Task Happens_at_once_when_the_user_changes_their_mind(string change, string code)
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await StartAsync(app, Endless);

        await (change switch
        {
            "revoke" => connected.Person.PressAsync("Test App", "Revoke"),
            "pause" => connected.Person.PressAsync("Test App", "Pause"),
            "delete the key" => connected.Person.PostAsync("/keys", [], "form[action*='handler=Delete']"),
            _ => new OAuthApp(shared.Host).RevokeAsync(connected.Tokens.RefreshToken),
        });

        await IsCutAsync(app, code);
    }

    [Fact]
    public async Task Happens_to_a_silent_session_as_well()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected, respondsByItself: true);

        await connected.Person.PressAsync("Test App", "Revoke");

        await IsCutAsync(app, "grant_revoked");
    }

    [Fact]
    public async Task Does_not_wait_for_an_app_that_reads_nothing()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync("[[events:50000]]");

        // Sound of 26 MB: more than all buffers on the way hold.
        await app.SendAsync("""{"type":"response.create","response":{"output_modalities":["audio"],"max_output_tokens":4096}}""");
        await app.ReceivedAsync(e => e.EventsWritten > 50);

        await connected.Person.PressAsync("Test App", "Revoke");

        (await app.ReceivedAsync(e => e.Cancelled)).Cancelled.Should().BeTrue();
        (await connected.UsageAsync()).Should().ContainSingle().Which.Status.Should().Be(401);
    }

    [Fact]
    public async Task Happens_when_the_grant_expires()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RecheckInterval"] = "00:00:00.2" });
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;

        await broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId).ExecuteUpdateAsync(set => set.SetProperty(g => g.ExpiresAt, now.AddSeconds(-1))));

        await IsCutAsync(app, "grant_revoked");
    }

    [Fact]
    public async Task Happens_before_the_next_response_once_the_user_has_taken_the_model_away()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RecheckInterval"] = "00:00:00.2" });
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope, models: "gpt-realtime gpt-realtime-mini");
        using var app = await AppSocket.OpenAsync(connected);
        await app.AskAsync("Hello");
        await broker.WithDatabaseAsync(async db =>
        {
            var grant = await db.Grants.SingleAsync(g => g.Id == connected.GrantId);
            (grant.Models, grant.Revision) = (["gpt-realtime-mini"], grant.Revision + 1);
            return await db.SaveChangesAsync();
        });
        await Eventually.IsAsync(() => OpensAsync(connected), opens => !opens);

        await app.SendAsync("""{"type":"response.create"}""");

        (await app.RestAsync())[^1].GetProperty("error").GetProperty("code").GetString().Should().Be("model_not_allowed");
        app.Socket.CloseStatus.Should().Be(WebSocketCloseStatus.PolicyViolation);
        (await app.ReceivedAsync()).EventsReceived.Count(e => e.Contains("response.create", StringComparison.Ordinal)).Should().Be(1);
    }

    [Fact]
    public async Task By_the_app_that_leaves_stops_the_provider_and_settles()
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await StartAsync(app, Endless);

        app.Socket.Abort();

        var received = await app.ReceivedAsync(e => e.Finished);
        received.EventsWritten.Should().BeLessThan(50_000);
        var usage = (await connected.UsageAsync()).Should().ContainSingle().Subject;
        usage.Estimated.Should().BeTrue("the provider had begun, and may charge for it");
        usage.CostMicros.Should().BeInRange(1, 20_000);
    }

    [Fact]
    public async Task Happens_when_it_has_lasted_as_long_as_one_may()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:Realtime:SessionLength"] = "00:20:00", ["Gateway:Realtime:IdleTimeout"] = "00:30:00" }, clock);
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);

        clock.Advance(TimeSpan.FromMinutes(21));

        await IsCutAsync(app, "session_ended");
    }

    [Fact]
    public async Task Happens_when_nobody_says_anything()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        clock.Advance(TimeSpan.FromMinutes(6));
        await app.AskAsync("Hello");
        clock.Advance(TimeSpan.FromMinutes(6));
        await app.AskAsync("Still here");

        clock.Advance(TimeSpan.FromMinutes(11));

        await IsCutAsync(app, "session_ended");
    }

    [Fact]
    public async Task Happens_when_the_broker_stops()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await StartAsync(app, Endless);

        await broker.StopBrokerAsync();

        (await app.RestAsync())[^1].GetProperty("error").GetProperty("code").GetString().Should().Be("session_ended");
        await broker.StartBrokerAsync();
        (await connected.UsageAsync()).Should().ContainSingle().Which.Estimated.Should().BeTrue();
    }

    [Theory]
    [InlineData("[[fault:echo_key]]", "upstream_unavailable")]
    [InlineData("[[fault:malformed_json]]", "upstream_unavailable")]
    [InlineData("[[fault:gzip]]", "upstream_unavailable")]
    [InlineData("[[fault:drop]]", "upstream_unavailable")]
    public async Task Happens_when_the_provider_sends_the_key_or_what_cannot_be_read(string fault, string code)
    {
        using var connected = await Connected.AsAsync(shared.Host, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync(fault);
        await app.SendAsync("""{"type":"response.create"}""");

        var rest = await app.RestAsync();

        rest[^1].GetProperty("error").GetProperty("code").GetString().Should().Be(code);
        rest.Should().NotContain(e => e.GetRawText().Contains(connected.Key, StringComparison.Ordinal));
        app.Socket.CloseStatus.Should().Be(WebSocketCloseStatus.InternalServerError);
        (await connected.UsageAsync()).Should().ContainSingle().Which.Estimated.Should().BeTrue();
    }

    [Fact]
    public async Task Happens_when_an_event_is_too_large()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:Realtime:MaxMessageBytes"] = "20000" });
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync(new string('a', 19_000));
        await app.ReceivedAsync(session => session.EventsReceived.Any(e => e.Contains("aaa", StringComparison.Ordinal)));

        await app.SayAsync(new string('a', 20_000));

        (await app.RestAsync())[^1].GetProperty("error").GetProperty("code").GetString().Should().Be("request_too_large");
        app.Socket.CloseStatus.Should().Be(WebSocketCloseStatus.MessageTooBig);
        (await app.ReceivedAsync()).EventsReceived.Count(e => e.Contains("aaa", StringComparison.Ordinal)).Should().Be(1);
    }

    private static async Task StartAsync(AppSocket app, string text)
    {
        await app.SayAsync(text);
        await app.SendAsync("""{"type":"response.create"}""");
        await app.UntilAsync("response.output_text.delta");
    }

    private static async Task<bool> OpensAsync(Connected connected)
    {
        try
        {
            using var another = await AppSocket.ConnectAsync(connected);
            return true;
        }
        catch (WebSocketException)
        {
            return false;
        }
    }

    private static async Task IsCutAsync(AppSocket app, string code)
    {
        var rest = await app.RestAsync();
        rest.Should().NotBeEmpty();
        rest[^1].GetProperty("type").GetString().Should().Be("error");
        rest[^1].GetProperty("error").GetProperty("code").GetString().Should().Be(code);
        app.Socket.CloseStatus.Should().Be(WebSocketCloseStatus.PolicyViolation);
        (await app.ReceivedAsync(e => e.Finished)).Cancelled.Should().BeTrue("nobody waits for the provider's goodbye");
    }
}
