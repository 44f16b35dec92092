using System.Globalization;
using CsCheck;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Metering;

/// <summary>
/// Random schedules of two nodes on one database: calls, flushes, turns, kills, stops, new days and changed caps; against a
/// model that is one integer a day: what calls cost that ended, and at their worst those that a kill took with it.
/// </summary>
[Trait("Checklist", "28")]
public sealed class Holding_caps_through_kills(ITestOutputHelper output)
{
    /// <summary>In the ordinary run; <c>TOKENBROKER_SCHEDULES</c> asks for more.</summary>
    /// <summary>Fewer on PostgreSQL, where each has a database of its own, and each step its round trips.</summary>
    private static readonly int Schedules = PostgreSqlServer.IsForAll ? 20 : 1_000;

    private static readonly Gen<Step> Steps = Gen.Select(Gen.Int[0, 99], Gen.Int[0, 1], Gen.Long[0, 400], Gen.Double[0, 1], (what, node, amount, share) => new Step(what, node, amount, share));

    [Fact]
    public async Task Never_passes_the_cap_and_leaks_nothing()
    {
        var schedules = int.Parse(Environment.GetEnvironmentVariable("TOKENBROKER_SCHEDULES") ?? "0", CultureInfo.InvariantCulture) is > 0 and var more ? more : Schedules;
        var (kills, calls) = (0L, 0L);
        await Gen.Select(Gen.Long[0, 2_000], Steps.Array[5, 60]).SampleAsync(
            async (cap, steps) =>
            {
                var done = await RunAsync(cap, steps);
                Interlocked.Add(ref kills, done.Kills);
                Interlocked.Add(ref calls, done.Calls);
            },
            iter: schedules,
            threads: 2);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{schedules} schedules: {calls} calls, {kills} kills"));
    }

    private static async Task<(int Kills, int Calls)> RunAsync(long cap, Step[] steps)
    {
        await using var world = await LedgerWorld.NewAsync(cap, BudgetPeriod.Day);
        var nodes = new Node[] { new(await world.StartAsync(), cap), new(await world.StartAsync(), cap) };
        var spent = new Dictionary<int, long> { [world.Day] = 0 };
        var (kills, calls) = (0, 0);
        foreach (var step in steps)
        {
            var node = nodes[step.Node];
            var before = await world.RowAsync(AccountKind.Grant, world.GrantId, world.Day);
            switch (step.What)
            {
                case < 40:
                    if (await node.Ledger.ReserveAsync(node.Line, step.Amount) is { } call)
                    {
                        node.Open.Add(call);
                        calls++;
                    }
                    else if (nodes[1 - step.Node].Ledger.Ledger.Books.All(book => book.Lease == 0))
                    {
                        step.Amount.Should().BeGreaterThan(cap - spent[world.Day] - node.OpenOf(world.Day), "nothing is refused that fits, where no other node holds a lease");
                    }

                    break;
                case < 65 when node.Open.Count > 0:
                    var cost = (long)(node.Open[0].Micros * step.Share);
                    node.Ledger.End(node.Open[0], cost);
                    node.Open[0].Dispose();
                    spent[node.Open[0].Open.Now.Day] += cost;
                    node.Open.RemoveAt(0);
                    break;
                case < 70 when node.Open.Count > 0:
                    node.Open[^1].Dispose();
                    node.Open[^1].Dispose();
                    node.Open.RemoveAt(node.Open.Count - 1);
                    break;
                case < 80:
                    (await node.Ledger.FlushAsync()).Should().BeTrue();
                    break;
                case < 90:
                    await node.Ledger.TurnAsync(step.Amount > 200 ? 25 : 1);
                    break;
                case < 94:
                    // Killed: calls that were open may have cost all that they could.
                    node.Ledger.Kill();
                    kills++;
                    node.Open.ForEach(call => spent[call.Open.Now.Day] += call.Micros);
                    nodes[step.Node] = new(await world.StartAsync(), cap);
                    break;
                case < 96:
                    node.Open.ForEach(call => call.Dispose());
                    await node.Ledger.StopAsync();
                    nodes[step.Node] = new(await world.StartAsync(), cap);
                    break;
                case < 97:
                    world.Clock.Advance(TimeSpan.FromDays(1));
                    spent[world.Day] = 0;
                    break;
                default:
                    cap = step.Amount * 5;
                    await world.SetBudgetAsync(cap);
                    await node.Ledger.Leases.RecheckAllAsync();
                    break;
            }

            var row = await world.RowAsync(AccountKind.Grant, world.GrantId, world.Day);
            if (row.CostMicros + row.LeasedMicros > before.CostMicros + before.LeasedMicros && step.What < 90)
            {
                (row.CostMicros + row.LeasedMicros).Should().BeLessThanOrEqualTo(cap, "what is leased is within the cap as it is then");
            }

            (spent[world.Day] + nodes.Sum(n => n.OpenOf(world.Day))).Should().BeLessThanOrEqualTo(row.CostMicros + row.LeasedMicros, "what is claimed is leased");
        }

        // All is settled, and the leases are back: what was spent is what the model says, to the last millionth.
        foreach (var node in nodes)
        {
            node.Open.ForEach(call => call.Dispose());
            await node.Ledger.StopAsync();
        }

        foreach (var (day, cost) in spent)
        {
            var end = await world.RowAsync(AccountKind.Grant, world.GrantId, day);
            end.CostMicros.Should().Be(cost, "a call counts in the day in which it began");
            end.LeasedMicros.Should().Be(0);
        }

        var all = spent.Values.Sum();
        (await world.RowAsync(AccountKind.Grant, world.GrantId, SpendPeriods.Total)).CostMicros.Should().Be(all, "periods without a cap count too");
        (await world.RowAsync(AccountKind.User, world.UserId, 202611)).CostMicros.Should().Be(all, "accounts without a cap count too");
        (await world.WithDatabaseAsync(db => db.Usage.SumAsync(u => u.CostMicros))).Should().Be(all, "each cost has a row, those of a kill an estimated one");
        (await world.WithDatabaseAsync(db => db.SpendNodes.CountAsync())).Should().Be(0);
        Directory.GetFiles(Path.Combine(world.DataDirectory, LeaseFile.Folder)).Should().BeEmpty();
        return (kills, calls);
    }

    private sealed record Step(int What, int Node, long Amount, double Share);

    private sealed class Node(LedgerNode ledger, long cap)
    {
        public LedgerNode Ledger => ledger;

        public BudgetLine Line { get; } = ledger.Line(new Budget(cap, BudgetPeriod.Day));

        public List<BudgetReservation> Open { get; } = [];

        public long OpenOf(int day) => Open.Where(call => call.Open.Now.Day == day).Sum(call => call.Micros);
    }
}
