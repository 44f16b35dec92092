using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary><c>caps</c> and <c>nodes</c>, beside a broker that runs.</summary>
public sealed class Capping_by_command
{
    [Fact]
    public async Task Holds_in_a_running_broker_within_seconds_and_until_it_is_cleared()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        using var stream = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:50]]");

        (await RunAsync(broker, "caps", "set", "user", connected.Person.Email.ToUpperInvariant(), "--period", "day", "--usd", "0")).Should().Contain("at most $0").And.Contain("within seconds");

        var (text, isBroken) = await Gateway.Provider_faults.ReadToBreakAsync(stream).WaitAsync(TimeSpan.FromSeconds(30));
        isBroken.Should().BeTrue("the cap has no room for what was open before it");
        text.Should().Contain("budget_exhausted");
        using (var refused = await connected.Api.ChatAsync())
        {
            refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        }

        // The user's own cap is another; who lifts one does not lift the other.
        await CapAsync(connected.Person, "0.00");
        var listed = await Eventually.IsAsync(
            async () => JsonSerializer.Deserialize<JsonElement>(await RunAsync(broker, "caps", "list", "user", connected.Person.Email, "--json")).GetProperty("caps"),
            caps => caps[0].GetProperty("spent_micros").GetInt64() > 0);
        listed[0].GetProperty("spent_micros").GetInt64().Should().BePositive("what the stream cost is stored soon after it was cut");
        listed.EnumerateArray().Select(cap => (cap.GetProperty("period").GetString(), cap.GetProperty("set_by").GetString(), cap.GetProperty("micros").GetInt64()))
            .Should().BeEquivalentTo([("day", "operator", 0L), ("month", "owner", 0L)]);
        await RunAsync(broker, "caps", "clear", "user", connected.Person.Email, "--period", "day");
        (await RunAsync(broker, "caps", "list", "user", connected.Person.Email)).Should().Contain("month, set by the owner: $0;").And.NotContain("operator");
        await CapAsync(connected.Person, "");

        var again = await Eventually.IsAsync(
            async () =>
            {
                using var response = await connected.Api.ChatAsync();
                return response.StatusCode;
            },
            status => status == HttpStatusCode.OK);
        again.Should().Be(HttpStatusCode.OK);
        (await broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Action == "cap.set" || e.Action == "cap.cleared").Select(e => new { e.Action, e.Actor }).ToListAsync())).Select(e => $"{e.Action} {e.Actor.Split(':')[0]}")
            .Should().BeEquivalentTo(["cap.set operator", "cap.set user", "cap.cleared operator", "cap.cleared user"]);
    }

    [Fact]
    public async Task Holds_for_an_app_over_all_its_users()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var one = await Connected.AsAsync(broker);
        using var two = await Connected.AsAsync(broker);

        await RunAsync(broker, "caps", "set", "app", BrokerHost.AppId, "--period", "Total", "--usd", "0.000001");

        foreach (var person in (Connected[])[one, two])
        {
            var status = await Eventually.IsAsync(
                async () =>
                {
                    using var response = await person.Api.ChatAsync();
                    return response.StatusCode;
                },
                status => status == HttpStatusCode.PaymentRequired);
            status.Should().Be(HttpStatusCode.PaymentRequired);
        }

        (await RunAsync(broker, "caps", "list", "app", BrokerHost.OtherAppId)).Should().Contain("No caps.");
    }

    [Theory]
    [InlineData("no user", "caps", "set", "user", "nobody@example.com", "--usd", "1")]
    [InlineData("no app", "caps", "list", "app", "nothing")]
    [InlineData("--usd is an amount from 0", "caps", "set", "app", BrokerHost.AppId, "--usd", "0.0000001")]
    [InlineData("--usd is an amount from 0", "caps", "set", "app", BrokerHost.AppId, "--usd", "-1")]
    [InlineData("--usd is an amount from 0", "caps", "set", "app", BrokerHost.AppId, "--usd", "99999999999")]
    [InlineData("a lot", "caps", "set", "app", BrokerHost.AppId, "--usd", "a lot")]
    [InlineData("fortnight", "caps", "set", "app", BrokerHost.AppId, "--usd", "1", "--period", "fortnight")]
    [InlineData("grant", "caps", "set", "grant", "x", "--usd", "1")]
    [InlineData("no node", "nodes", "reconcile", "00000000-0000-0000-0000-000000000001")]
    [InlineData("x", "nodes", "reconcile", "x")]
    public async Task Says_in_words_what_is_wrong(string words, params string[] command)
    {
        await using var broker = await BrokerHost.StartAsync();

        using var process = await BrokerProcess.RunAsync("Development", [.. command, .. broker.Arguments()]);

        process.ExitCode.Should().NotBe(0);
        process.Error.Should().Contain(words).And.NotContain("   at ", "a person reads this");
        (await broker.WithDatabaseAsync(db => db.SpendCaps.CountAsync())).Should().Be(0);
    }

    [Fact]
    public async Task Lists_the_nodes_and_settles_none_that_may_live()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        using (var call = await connected.Api.ChatAsync())
        {
            call.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var node = JsonSerializer.Deserialize<JsonElement>(await RunAsync(broker, "nodes", "list", "--json")).GetProperty("nodes").EnumerateArray().Single();
        var id = node.GetProperty("node").GetString()!;
        node.GetProperty("machine").GetString().Should().Be(Environment.MachineName);
        (await RunAsync(broker, "nodes", "list")).Should().Contain(id).And.Contain("leased of grants");
        using (var fresh = await BrokerProcess.RunAsync("Development", ["nodes", "reconcile", id, .. broker.Arguments()]))
        {
            fresh.ExitCode.Should().Be(1);
            fresh.Error.Should().Contain("seen less than a minute ago").And.NotContain("   at ");
        }

        // Silent for long, by the database; but its file is held, so that it lives.
        await broker.WithDatabaseAsync(db => db.SpendNodes.ExecuteUpdateAsync(set => set.SetProperty(n => n.SeenAt, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc))));
        using (var silent = await BrokerProcess.RunAsync("Development", ["nodes", "reconcile", id, .. broker.Arguments()]))
        {
            silent.ExitCode.Should().Be(1);
            silent.Error.Should().NotContain("   at ");
        }

        (await broker.WithDatabaseAsync(db => db.SpendNodes.CountAsync())).Should().Be(1);
    }

    [Fact]
    public async Task Settles_a_node_that_is_gone_for_good()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, budget: "0.10");
        var gone = Guid.NewGuid();
        await broker.WithDatabaseAsync(async db =>
        {
            var row = new SpendNode { Id = gone, Machine = "elsewhere", StartedAt = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), SeenAt = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc) };
            db.SpendNodes.Add(row);
            db.SpendLeases.Add(new SpendLease { NodeId = gone, Kind = AccountKind.Grant, OwnerId = connected.GrantId, Period = SpendPeriods.Of(TimeProvider.System.GetUtcNow()).Month, Micros = 100_000 });
            db.Spend.Add(new Spend { Kind = AccountKind.Grant, OwnerId = connected.GrantId, Period = SpendPeriods.Of(TimeProvider.System.GetUtcNow()).Month, LeasedMicros = 100_000 });
            return await db.SaveChangesAsync();
        });
        using (var refused = await connected.Api.ChatAsync())
        {
            refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired, "what it leased counts as spent");
        }

        (await RunAsync(broker, "nodes", "list")).Should().Contain($"{gone} on elsewhere").And.Contain("$0.1 leased");
        (await RunAsync(broker, "nodes", "reconcile", gone.ToString())).Should().Contain("without its file: $0.1 of grants count as spent, $0 went back");

        (await RunAsync(broker, "nodes", "list")).Should().NotContain(gone.ToString());
        (await broker.WithDatabaseAsync(db => db.AuditEvents.CountAsync(e => e.Action == "budget.reconciled" && e.Actor == "operator:cli"))).Should().Be(1);
    }

    private static async Task<string> RunAsync(BrokerHost broker, params string[] command)
    {
        using var process = await BrokerProcess.RunAsync("Development", [.. command, .. broker.Arguments()]);
        process.ExitCode.Should().Be(0, process.Error + process.Output);
        return process.Output;
    }

    private static async Task CapAsync(Person person, string dollars)
    {
        using var response = await person.PostAsync("/limits", new() { ["Caps.Month"] = dollars });
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }
}
