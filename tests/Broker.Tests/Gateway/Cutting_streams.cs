using System.Net;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Cutting_streams(SharedBroker shared)
{
    private const string Endless = "[[events:50000]] [[delay:20]]";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("revoke", "grant_revoked")]
    [InlineData("pause", "grant_paused")]
    [InlineData("delete the key", "upstream_key_rejected")]
    [InlineData("revoke by the app", "grant_revoked")]
    public async Task Happens_at_once_when_the_user_changes_their_mind(string change, string code)
    {
        using var connected = await Connected.AsAsync(shared.Host);
        using var response = await connected.Api.OpenStreamAsync(Endless);

        await (change switch
        {
            "revoke" => connected.Person.PressAsync("Test App", "Revoke"),
            "pause" => connected.Person.PressAsync("Test App", "Pause"),
            "delete the key" => connected.Person.PostAsync("/keys", [], "form[action*='handler=Delete']"),
            _ => new OAuthApp(shared.Host).RevokeAsync(connected.Tokens.RefreshToken),
        });

        await IsCutAsync(connected, response, code);
    }

    [Fact]
    public async Task Still_happens_after_the_limits_changed_under_the_stream()
    {
        // A stream may go on when its grant gets other limits; it must not thereby outlive the grant.
        using var connected = await Connected.AsAsync(shared.Host);
        using var response = await connected.Api.OpenStreamAsync(Endless);
        await new OAuthApp(shared.Host).ConnectAsync(connected.Person, answer: new() { ["Form.Budget"] = "3" });
        await new OAuthApp(shared.Host).ConnectAsync(connected.Person, answer: new() { ["Form.Budget"] = "2" });
        using (var beside = await connected.Api.ChatAsync())
        {
            beside.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        await connected.Person.PressAsync("Test App", "Revoke");

        await IsCutAsync(connected, response, "grant_revoked");
    }

    [Fact]
    public async Task Reaches_a_hundred_streams_with_the_reason()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "200" });
        using var connected = await Connected.AsAsync(broker, budget: "1000");
        var streams = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => connected.Api.OpenStreamAsync("[[events:50000]] [[delay:100]]")));
        streams.Should().OnlyContain(stream => stream.StatusCode == HttpStatusCode.OK);

        await connected.Person.PressAsync("Test App", "Revoke");

        var ends = await Task.WhenAll(streams.Select(Provider_faults.ReadToBreakAsync)).WaitAsync(TimeSpan.FromSeconds(60));
        ends.Should().OnlyContain(end => end.IsBroken && end.Text.Contains("grant_revoked", StringComparison.Ordinal));
        await broker.Journal.WaitForAllAsync(
            exchanges => exchanges.Count(e => e.Key == connected.Key && e.Cancelled) == 100, new CancellationTokenSource(Patience).Token);
        (await connected.UsageAsync(100)).Should().OnlyContain(usage => usage.Estimated);
        Array.ForEach(streams, stream => stream.Dispose());
    }

    [Fact]
    [Trait("Checklist", "24")]
    public async Task Reaches_a_thousand_streams_and_the_provider_of_each()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "1000", ["Gateway:ConcurrentCallsOfUser"] = "1000", ["Gateway:TokensPerMinute"] = "1000000000" });
        using var connected = await Connected.AsAsync(broker, budget: "1000");
        var streams = new List<HttpResponseMessage>();
        for (var batch = 0; batch < 10; batch++)
        {
            streams.AddRange(await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => connected.Api.OpenStreamAsync("[[events:50000]] [[fault:stall_mid_stream]] [[after:1]]"))));
        }

        streams.Should().OnlyContain(stream => stream.StatusCode == HttpStatusCode.OK);

        await new OAuthApp(broker).RevokeAsync(connected.Tokens.RefreshToken);

        var ends = await Task.WhenAll(streams.Select(Provider_faults.ReadToBreakAsync)).WaitAsync(TimeSpan.FromSeconds(60));
        ends.Should().OnlyContain(end => end.IsBroken && end.Text.Contains("grant_revoked", StringComparison.Ordinal));
        var left = await Eventually.IsAsync(
            () => Task.FromResult(broker.Journal.Snapshot().Count(e => e.Key == connected.Key && e.Cancelled)), cancelled => cancelled == 1000);
        left.Should().Be(1000);
        streams.ForEach(stream => stream.Dispose());
    }

    [Fact]
    public async Task Leaves_the_streams_of_others_alone()
    {
        using var one = await Connected.AsAsync(shared.Host);
        using var other = await Connected.AsAsync(shared.Host);
        using var cut = await one.Api.OpenStreamAsync(Endless);
        using var kept = await other.Api.OpenStreamAsync("[[events:100]] [[delay:10]]");

        await one.Person.PressAsync("Test App", "Revoke");

        await IsCutAsync(one, cut, "grant_revoked");
        (await kept.Content.ReadAsStringAsync()).Should().EndWith("data: [DONE]\n\n");
    }

    [Theory]
    [InlineData("revoked", "grant_revoked")]
    [InlineData("paused", "grant_paused")]
    [InlineData("without its key", "upstream_key_rejected")]
    [InlineData("expired", "grant_revoked")]
    [InlineData("gone", "grant_revoked")]
    public async Task Happens_when_another_node_changed_the_grant(string change, string code)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RecheckInterval"] = "00:00:00.2" });
        using var connected = await Connected.AsAsync(broker);
        using var response = await connected.Api.OpenStreamAsync(Endless);

        await broker.WithDatabaseAsync(db => ChangeAsync(db, connected.GrantId, change));

        await IsCutAsync(connected, response, code);
        using var after = await connected.Api.ChatAsync();
        after.StatusCode.Should().BeOneOf(HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Does_not_happen_when_another_node_changed_the_limits_which_count_from_the_next_call()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RecheckInterval"] = "00:00:00.2" });
        using var connected = await Connected.AsAsync(broker);
        using var response = await connected.Api.OpenStreamAsync("[[events:100]] [[delay:10]]");
        await broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId)
            .ExecuteUpdateAsync(set => set.SetProperty(g => g.BudgetMicros, 0).SetProperty(g => g.Revision, g => g.Revision + 1)));

        var refused = await Eventually.IsAsync(
            async () =>
            {
                using var next = await connected.Api.ChatAsync();
                return next.StatusCode;
            },
            status => status == HttpStatusCode.PaymentRequired);

        refused.Should().Be(HttpStatusCode.PaymentRequired);
        (await response.Content.ReadAsStringAsync()).Should().EndWith("data: [DONE]\n\n");
    }

    [Fact]
    public async Task Breaks_an_answer_that_is_no_stream()
    {
        using var connected = await Connected.AsAsync(shared.Host);
        var call = connected.Api.ChatAsync("[[fault:stall]]");
        await connected.ReceivedAsync("/chat/completions");

        await connected.Person.PressAsync("Test App", "Revoke");

        using var response = await call.WaitAsync(Patience);
        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("grant_revoked");
        await shared.Host.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        (await connected.UsageAsync())[0].Status.Should().Be(401, "usage shows what the app received");
    }

    [Theory]
    [Trait("Checklist", "24")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task By_the_client_stops_the_provider_and_settles(bool stream)
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");
        using var leaving = new CancellationTokenSource();
        var call = stream
            ? connected.Api.OpenStreamAsync(Endless, cancellationToken: leaving.Token)
            : connected.Api.SendAsync(
                HttpMethod.Post, "/chat/completions", System.Net.Http.Json.JsonContent.Create(new { model = "gpt-4o-mini", messages = new[] { new { role = "user", content = "[[fault:stall]]" } } }),
                cancellationToken: leaving.Token);
        await connected.ReceivedAsync("/chat/completions");
        if (stream)
        {
            (await call).Dispose();
        }
        else
        {
            await leaving.CancelAsync();
            await FluentActions.Awaiting(() => call).Should().ThrowAsync<OperationCanceledException>();
        }

        await shared.Host.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        var usage = (await connected.UsageAsync())[0];
        usage.Estimated.Should().BeTrue("the provider had the call, and may charge for it");
        usage.CostMicros.Should().BeInRange(1, 10_000);
        Books.OfGrant(shared.Host, connected.GrantId).IsIdle.Should().BeTrue();
    }

    private static async Task IsCutAsync(Connected connected, HttpResponseMessage response, string code)
    {
        var (text, isBroken) = await Provider_faults.ReadToBreakAsync(response).WaitAsync(Patience);
        isBroken.Should().BeTrue("a cut answer must not look whole");
        text.TrimEnd().Should().Match($"*event: error\ndata: *\"{code}\"*");
        await connected.Host.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
    }

    private static async Task<int> ChangeAsync(BrokerDbContext db, Guid grantId, string change)
    {
        var row = db.Grants.Where(g => g.Id == grantId);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        switch (change)
        {
            case "revoked":
                return await row.ExecuteUpdateAsync(set => set
                    .SetProperty(g => g.Status, OpenIddictConstants.Statuses.Revoked).SetProperty(g => g.Revision, g => g.Revision + 1));
            case "paused":
                return await row.ExecuteUpdateAsync(set => set.SetProperty(g => g.PausedAt, now).SetProperty(g => g.Revision, g => g.Revision + 1));
            case "without its key":
                return await row.ExecuteUpdateAsync(set => set
                    .SetProperty(g => g.UpstreamKeyId, (Guid?)null).SetProperty(g => g.Revision, g => g.Revision + 1));
            case "expired":
                return await row.ExecuteUpdateAsync(set => set.SetProperty(g => g.ExpiresAt, now.AddSeconds(-1)));
            default:
                await db.Tokens.Where(t => t.AuthorizationId == grantId).ExecuteDeleteAsync();
                return await row.ExecuteDeleteAsync();
        }
    }
}
