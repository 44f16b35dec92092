using System.Collections.Concurrent;
using System.Net;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Tests.Credit;
using TokenBroker.Tests.Gateway;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Storage.PostgreSql;

/// <summary>What happens on one node holds on the other. The re-check of the second is out of the way: what it learns, PostgreSQL told it.</summary>
public sealed class Running_two_nodes : IAsyncLifetime
{
    private const string Endless = "[[events:50000]] [[delay:20]]";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private string _database = "";
    private BrokerHost _first = null!;
    private BrokerHost _second = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await PostgreSqlServer.NewDatabaseAsync();
        _first = await BrokerHost.StartAsync(Nodes.SettingsOf(_database));
        _second = await BrokerHost.StartAsync(new(Nodes.SettingsOf(_database, _first)) { ["Gateway:RecheckInterval"] = "01:00:00" });
    }

    public async ValueTask DisposeAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
    }

    [Theory]
    [InlineData("revoke", "grant_revoked", HttpStatusCode.Unauthorized)]
    [InlineData("pause", "grant_paused", HttpStatusCode.Forbidden)]
    [InlineData("delete the key", "upstream_key_rejected", null)]
    [InlineData("revoke by the app", "grant_revoked", HttpStatusCode.Unauthorized)]
    [InlineData("revoke the access token", "grant_revoked", HttpStatusCode.Unauthorized)]
    public async Task Cuts_the_streams_and_the_next_call_of_the_other(string change, string code, HttpStatusCode? next)
    {
        using var connected = await Connected.AsAsync(_first);
        var api = new Api(_second, connected.Tokens.AccessToken);
        using var stream = await api.OpenStreamAsync(Endless);
        stream.StatusCode.Should().Be(HttpStatusCode.OK);

        await (change switch
        {
            "revoke" => connected.Person.PressAsync("Test App", "Revoke"),
            "pause" => connected.Person.PressAsync("Test App", "Pause"),
            "delete the key" => connected.Person.PostAsync("/keys", [], "form[action*='handler=Delete']"),
            "revoke by the app" => new OAuthApp(_first).RevokeAsync(connected.Tokens.RefreshToken),
            _ => new OAuthApp(_first).RevokeAsync(connected.Tokens.AccessToken),
        });

        var (text, isBroken) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(Patience);
        isBroken.Should().BeTrue("a cut answer must not look whole");
        text.Should().Contain(code);
        await _first.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        using var refused = await api.ChatAsync();
        refused.StatusCode.Should().NotBe(HttpStatusCode.OK);
        if (next is { } status)
        {
            refused.StatusCode.Should().Be(status);
        }
    }

    [Fact]
    public async Task Takes_up_a_replaced_key_and_a_lower_cap()
    {
        using var connected = await Connected.AsAsync(_first);
        var api = new Api(_second, connected.Tokens.AccessToken);
        using var before = await api.ChatAsync();
        var key = BrokerHost.NewKey();
        var id = await _first.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId).Select(g => g.UpstreamKeyId).SingleAsync());

        using var replaced = await connected.Person.PostAsync($"/keys/{id}/replace", new() { ["NewKey"] = key }, "form:has(#NewKey)");

        replaced.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        var used = await Eventually.IsAsync(
            async () =>
            {
                using var call = await api.ChatAsync();
                return _first.Journal.Snapshot().Last(e => e.Path == "/v1/chat/completions" && (e.Key == key || e.Key == connected.Key)).Key;
            },
            used => used == key);
        used.Should().Be(key, "the key from before is open on the second node no more");

        using var stream = await api.OpenStreamAsync(Endless);
        using var caps = await BrokerProcess.RunAsync("Development", ["caps", "set", "user", connected.Person.Email, "--period", "day", "--usd", "0", .. _first.Arguments()]);
        caps.ExitCode.Should().Be(0, caps.Error);
        var (text, _) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(Patience);
        text.Should().Contain("budget_exhausted");
    }

    [Fact]
    public async Task Holds_one_budget_together_and_keeps_every_book_whole()
    {
        const long Budget = 10_000;
        using var connected = await Connected.AsAsync(_first, budget: "0.01");
        var sponsor = await Sponsored.ByAsync(_first, BrokerHost.OtherAppId);
        using var guest = await sponsor.GuestAsync("0.01");
        var statuses = new ConcurrentBag<HttpStatusCode>();
        Api[] apis = [new(_first, connected.Tokens.AccessToken), new(_second, connected.Tokens.AccessToken), new(_first, guest.Tokens.AccessToken), new(_second, guest.Tokens.AccessToken)];

        await Task.WhenAll(Enumerable.Range(0, 160).Select(async i =>
        {
            using var response = await apis[i % apis.Length].PostAsync("/chat/completions", new
            {
                model = "gpt-4o",
                max_completion_tokens = 100,
                messages = new[] { new { role = "user", content = $"[[events:500]] {i}" } },
            });
            statuses.Add(response.StatusCode);
        }));

        statuses.Should().OnlyContain(status => status == HttpStatusCode.OK || status == HttpStatusCode.PaymentRequired);
        statuses.Should().Contain(HttpStatusCode.OK).And.Contain(HttpStatusCode.PaymentRequired);
        var received = _first.Journal.Snapshot().Count(e => e.Path == "/v1/chat/completions" && e.Key == connected.Key);
        (await connected.SpendAsync(received)).CostMicros.Should().BeInRange(1, Budget);
        (await Eventually.IsAsync(() => connected.UsageAsync(received), rows => rows.Count == received)).Should().HaveCount(received);
        await guest.SpentAsync(sponsor.Received.Count);
        (await Eventually.IsAsync(() => guest.BalanceAsync(), balance => balance < Budget)).Should().BeInRange(0, Budget - 1);
        await Nodes.AreWholeAsync(_first);
        _first.Log.Lines.Concat(_second.Log.Lines).Should().NotContain(line => line.Contains("40P01", StringComparison.Ordinal), "no two transactions wait for each other");
    }

    [Fact]
    public async Task Gives_one_successor_of_a_refresh_token_however_many_ask()
    {
        using var connected = await Connected.AsAsync(_first);
        OAuthApp[] apps = [new(_first), new(_second)];

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => apps[i % 2].RefreshAsync(connected.Tokens.RefreshToken)));

        var tokens = await Task.WhenAll(answers.Select(OAuthApp.ReadAsync));
        tokens.Select(t => t.RefreshToken).Distinct().Should().ContainSingle();
        tokens.Select(t => t.AccessToken).Distinct().Should().ContainSingle();
        (await _first.WithDatabaseAsync(db => db.Tokens.CountAsync(t => t.AuthorizationId == connected.GrantId && t.Type == OpenIddictConstants.TokenTypeIdentifiers.RefreshToken)))
            .Should().Be(2, "the first, and its one successor");
    }

    [Fact]
    public async Task Keeps_one_chain_of_audit_events_whoever_writes()
    {
        var people = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Person.WithKeyAsync(_first)));

        // People are known on both nodes; each consents where they are sent, and revokes.
        await Task.WhenAll(people.Select(async person =>
        {
            var tokens = await new OAuthApp(_first).ConnectAsync(person);
            using var revoked = await new OAuthApp(_second).RevokeAsync(tokens.RefreshToken);
            revoked.StatusCode.Should().Be(HttpStatusCode.OK);
        }));

        await Nodes.AreWholeAsync(_second);
        Array.ForEach(people, person => person.Dispose());
    }

    [Fact]
    public async Task Learns_what_it_missed_when_it_hears_again()
    {
        using var connected = await Connected.AsAsync(_first);
        var api = new Api(_second, connected.Tokens.AccessToken);
        using var stream = await api.OpenStreamAsync(Endless);

        // Both at once: the connection that hears is gone, and the change was made while nobody heard it.
        await PostgreSqlServer.RunAsync(_database, $"""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
            ALTER TABLE grants DISABLE TRIGGER USER;
            UPDATE grants SET "Status" = 'revoked', "Revision" = "Revision" + 1 WHERE "Id" = '{connected.GrantId}';
            ALTER TABLE grants ENABLE TRIGGER USER;
            """);

        var (text, _) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(Patience);
        text.Should().Contain("grant_revoked");
        using var refused = await api.ChatAsync();
        refused.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }
}
