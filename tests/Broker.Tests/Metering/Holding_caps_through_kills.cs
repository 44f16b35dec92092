using CsCheck;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

/// <summary>
/// Random schedules of two nodes on one database, against a model that is two integers: what the calls that ended cost, and
/// what calls cost that a kill took with it, at their worst.
/// </summary>
[Trait("Checklist", "28")]
public sealed class Holding_caps_through_kills
{
    private static readonly Gen<Step> Steps = Gen.Select(Gen.Int[0, 99], Gen.Int[0, 1], Gen.Long[0, 400], Gen.Double[0, 1], (what, node, amount, share) => new Step(what, node, amount, share));

    [Fact]
    public async Task Never_passes_the_cap_and_leaks_nothing() =>
        await Gen.Select(Gen.Long[0, 2_000], Steps.Array[5, 60]).SampleAsync(
            async (cap, steps) => await RunAsync(cap, steps),
            iter: 1_000,
            threads: 2);

    private static async Task RunAsync(long cap, Step[] steps)
    {
        await using var world = await LedgerWorld.NewAsync(cap);
        var nodes = new Node[] { new(await world.StartAsync(), cap), new(await world.StartAsync(), cap) };
        var spent = 0L;
        foreach (var step in steps)
        {
            var node = nodes[step.Node];
            switch (step.What)
            {
                case < 40:
                    if (await node.Ledger.ReserveAsync(node.Line, step.Amount) is { } call)
                    {
                        node.Open.Add(call);
                    }
                    else if (nodes[1 - step.Node].Ledger.Ledger.Books.All(book => book.Lease == 0))
                    {
                        (step.Amount > cap - spent - node.Open.Sum(c => c.Micros)).Should().BeTrue("nothing is refused that fits, where no other node holds a lease");
                    }

                    break;
                case < 65 when node.Open.Count > 0:
                    var cost = (long)(node.Open[0].Micros * step.Share);
                    node.Ledger.End(node.Open[0], cost);
                    node.Open[0].Dispose();
                    spent += cost;
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
                case < 95:
                    // Killed: calls that were open may have cost all that they could.
                    node.Ledger.Kill();
                    spent += node.Open.Sum(call => call.Micros);
                    nodes[step.Node] = new(await world.StartAsync(), cap);
                    break;
                case < 97:
                    node.Open.ForEach(call => call.Dispose());
                    await node.Ledger.StopAsync();
                    nodes[step.Node] = new(await world.StartAsync(), cap);
                    break;
            }

            var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
            var claimed = nodes.Sum(n => n.Open.Sum(c => c.Micros));
            (row.CostMicros + row.LeasedMicros).Should().BeLessThanOrEqualTo(cap, "what is spent and leased is within the cap");
            (spent + claimed).Should().BeLessThanOrEqualTo(row.CostMicros + row.LeasedMicros, "what is claimed is leased");
        }

        // All is settled, and the leases are back: what was spent is what the model says, to the last millionth.
        foreach (var node in nodes)
        {
            node.Open.ForEach(call => call.Dispose());
            await node.Ledger.StopAsync();
        }

        var end = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        end.CostMicros.Should().Be(spent);
        end.LeasedMicros.Should().Be(0);
        (await world.RowAsync(AccountKind.Grant, world.GrantId, SpendPeriods.Total)).CostMicros.Should().Be(spent, "periods without a cap count too");
        (await world.RowAsync(AccountKind.User, world.UserId, 202611)).CostMicros.Should().Be(spent, "accounts without a cap count too");
        (await world.WithDatabaseAsync(db => db.Usage.SumAsync(u => u.CostMicros))).Should().Be(spent, "each cost has a row, those of a kill an estimated one");
        (await world.WithDatabaseAsync(db => db.SpendLeases.Select(l => l.Micros).ToListAsync())).Should().BeEmpty();
        (await world.WithDatabaseAsync(db => db.SpendNodes.CountAsync())).Should().Be(0);
        Directory.GetFiles(Path.Combine(world.DataDirectory, LeaseFile.Folder)).Should().BeEmpty();
    }

    private sealed record Step(int What, int Node, long Amount, double Share);

    private sealed class Node(LedgerNode ledger, long cap)
    {
        public LedgerNode Ledger => ledger;

        public BudgetLine Line { get; } = ledger.Line(new Budget(cap, BudgetPeriod.Month));

        public List<BudgetReservation> Open { get; } = [];
    }
}
