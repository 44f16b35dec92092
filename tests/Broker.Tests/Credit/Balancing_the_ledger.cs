using CsCheck;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Metering;

namespace TokenBroker.Tests.Credit;

/// <summary>
/// Random schedules of top-ups, refunds, calls and kills on two nodes of one database, against a model of three integers:
/// what came in, what went back, and what calls cost.
/// </summary>
[Trait("Checklist", "28")]
public sealed class Balancing_the_ledger
{
    private static readonly Guid Sponsor = Guid.NewGuid();
    private static readonly Gen<Step> Steps = Gen.Select(Gen.Int[0, 99], Gen.Int[0, 1], Gen.Long[1, 400], Gen.Double[0, 1], (what, node, amount, share) => new Step(what, node, amount, share));

    [Fact]
    public async Task Holds_at_every_step_whatever_happens() =>
        await Steps.Array[5, 50].SampleAsync(async steps => await RunAsync(steps), iter: PostgreSqlServer.IsForAll ? 8 : 80, threads: 2);

    private static async Task RunAsync(Step[] steps)
    {
        await using var world = await LedgerWorld.NewAsync(0);
        var account = CreditAccount.IdOf(Sponsor, world.UserId);
        var nodes = new[] { await Node.StartAsync(world), await Node.StartAsync(world) };
        var (came, back, spent, references) = (0L, 0L, 0L, 0);
        foreach (var step in steps)
        {
            var node = nodes[step.Node];
            switch (step.What)
            {
                case < 20:
                    var topUp = Order(CreditKind.TopUp, step.Amount);
                    (await node.Ledger.PostAsync(topUp)).Transaction.Should().NotBeNull();
                    (await nodes[1 - step.Node].Ledger.PostAsync(topUp)).IsRepeated.Should().BeTrue("the same again is posted once");
                    came += step.Amount;
                    break;
                case < 30:
                    var refund = await node.Ledger.PostAsync(Order(CreditKind.Refund, step.Amount));
                    (refund.Transaction is null).Should().Be(refund.Refusal == CreditRefusal.NotLeft);
                    if (refund.Transaction is not null)
                    {
                        back += step.Amount;
                    }
                    else if (nodes[1 - step.Node].Ledger.Ledger.Books.All(book => book.Lease == 0))
                    {
                        step.Amount.Should().BeGreaterThan(came - back - spent - node.Open.Sum(call => call.Micros), "what nobody claims can go back");
                    }

                    break;
                case < 55:
                    if (await node.Ledger.ReserveAsync(node.Line, step.Amount) is { } call)
                    {
                        node.Open.Add(call);
                    }

                    break;
                case < 75 when node.Open.Count > 0:
                    var cost = (long)(node.Open[0].Micros * step.Share);
                    node.Ledger.End(node.Open[0], cost);
                    spent += cost;
                    node.Open.RemoveAt(0);
                    break;
                case < 83:
                    (await node.Ledger.FlushAsync()).Should().BeTrue();
                    break;
                case < 92:
                    await node.Ledger.TurnAsync(step.Amount > 200 ? 25 : 1);
                    break;
                case < 97:
                    // Killed: calls that were open may have cost all that they could.
                    node.Ledger.Kill();
                    spent += node.Open.Sum(open => open.Micros);
                    nodes[step.Node] = await Node.StartAsync(world);
                    break;
            }

            (spent + back + nodes.Sum(n => n.Open.Sum(open => open.Micros))).Should().BeLessThanOrEqualTo(came, "nobody uses or takes back what did not come in");
            (await node.Ledger.VerifyCreditAsync()).Faults.Should().BeEmpty();
        }

        foreach (var node in nodes)
        {
            node.Open.ForEach(open => open.Dispose());
            await node.Ledger.StopAsync();
        }

        var end = await world.WithDatabaseAsync(db => db.CreditAccounts.AsNoTracking().Where(a => a.SponsorId == Sponsor).ToDictionaryAsync(a => a.Kind, a => a.BalanceMicros));
        end.GetValueOrDefault(CreditAccountKind.User).Should().Be(came - back - spent);
        end.GetValueOrDefault(CreditAccountKind.Received).Should().Be(back - came);
        end.GetValueOrDefault(CreditAccountKind.Used).Should().Be(spent);
        (await world.RowAsync(AccountKind.Credit, account, SpendPeriods.Total)).LeasedMicros.Should().Be(0);

        CreditOrder Order(CreditKind kind, long micros) => new(kind, Sponsor, world.UserId, micros, $"r{references++}", "system");
    }

    private sealed record Step(int What, int Node, long Amount, double Share);

    private sealed record Node(LedgerNode Ledger, BudgetLine Line, List<BudgetReservation> Open)
    {
        public static async Task<Node> StartAsync(LedgerWorld world)
        {
            var ledger = await world.StartAsync();
            return new Node(ledger, await ledger.CreditLineAsync(Sponsor), []);
        }
    }
}
