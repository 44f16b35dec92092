using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

/// <summary>What should not happen to a node, and does: its clock is set back, somebody settles it while it lives, all threads come at once.</summary>
[Trait("Checklist", "28")]
public sealed class Holding_budgets_in_odd_hours
{
    [Fact]
    public async Task Gives_nothing_twice_when_the_clock_is_set_back()
    {
        await using var world = await LedgerWorld.NewAsync(1_000, BudgetPeriod.Day);
        var node = await world.StartAsync();
        var line = node.Line(new Budget(1_000, BudgetPeriod.Day));
        node.End((await node.ReserveAsync(line, 1_000))!, 1_000);
        world.Clock.Advance(TimeSpan.FromDays(1));
        node.End((await node.ReserveAsync(line, 400))!, 400);

        world.Clock.AdjustTime(world.Clock.GetUtcNow().AddDays(-3));

        (await node.ReserveAsync(line, 601)).Should().BeNull("it is still the later day here");
        node.End((await node.ReserveAsync(line, 600))!, 600);
        (await node.ReserveAsync(line, 1)).Should().BeNull();
        await node.StopAsync();
        (await world.RowAsync(AccountKind.Grant, world.GrantId, 20261101)).CostMicros.Should().Be(1_000);
        (await world.RowAsync(AccountKind.Grant, world.GrantId, 20261102)).CostMicros.Should().Be(1_000);

        // A start in the past finds what those days have spent, once they come again.
        world.Clock.AdjustTime(new DateTimeOffset(2026, 11, 1, 23, 0, 0, TimeSpan.Zero));
        var next = await world.StartAsync();
        (await next.ReserveAsync(next.Line(new Budget(1_000, BudgetPeriod.Day)), 1)).Should().BeNull();
        await next.StopAsync();
    }

    [Fact]
    public async Task Gives_back_to_a_day_what_was_claimed_from_it_while_other_calls_begin_the_next()
    {
        await using var world = await LedgerWorld.NewAsync(1_000_000, BudgetPeriod.Day, onDisk: true);
        var node = await world.StartAsync();
        var line = node.Line(new Budget(1_000_000, BudgetPeriod.Day));
        using var over = new CancellationTokenSource();
        var callers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                for (var i = 0; i < 1_000; i++)
                {
                    (await node.ReserveAsync(line, 1))?.Dispose();
                }
            }
        })).ToList();

        for (var day = 0; day < 40; day++)
        {
            world.Clock.Advance(TimeSpan.FromDays(1));
            (await node.ReserveAsync(line, 1))?.Dispose();
        }

        await over.CancelAsync();
        await Task.WhenAll(callers);
        node.Ledger.Books.Select(book => book.Reserved).Should().OnlyContain(reserved => reserved == 0, "what is claimed from one book never goes back to another");
        await node.StopAsync();
    }

    [Fact]
    public async Task Counts_more_and_never_less_where_a_node_is_settled_by_hand_while_it_lives()
    {
        await using var world = await LedgerWorld.NewAsync(10_000);
        var (lost, other) = (await world.StartAsync("one"), await world.StartAsync("other"));
        var line = lost.Line(new Budget(10_000, BudgetPeriod.Month));
        var open = await lost.ReserveAsync(line, 1_000);
        var leased = (await world.RowAsync(AccountKind.Grant, world.GrantId, 202611)).LeasedMicros;

        (await other.Reconcile.RunAsync(lost.Id, "operator:cli", CancellationToken.None))!.Exact.Should().BeFalse("its file is on the other machine");
        lost.End(open!, 600);
        await lost.KeepAsync();

        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        row.CostMicros.Should().Be(leased + 600, "the call counts, and so does the lease");
        (row.CostMicros + row.LeasedMicros).Should().BeLessThanOrEqualTo(10_000);
        world.Log.Lines.Should().Contain(line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("was settled by hand while it ran", StringComparison.Ordinal));

        // It goes on, within what is left.
        (await lost.ReserveAsync(line, 10_000 - leased - 600 + 1)).Should().BeNull();
        lost.End((await lost.ReserveAsync(line, 10_000 - leased - 600))!, 100);
        await lost.StopAsync();
        await other.StopAsync();
        row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((leased + 700, 0));
        (await world.WithDatabaseAsync(db => db.SpendNodes.CountAsync())).Should().Be(0);
    }

    [Fact]
    public async Task Goes_on_after_a_node_was_settled_by_hand_while_nobody_called()
    {
        await using var world = await LedgerWorld.NewAsync(10_000);
        var (lost, other) = (await world.StartAsync("one"), await world.StartAsync("other"));
        await other.Reconcile.RunAsync(lost.Id, "operator:cli", CancellationToken.None);

        await lost.KeepAsync();

        var line = lost.Line(new Budget(10_000, BudgetPeriod.Month));
        lost.End((await lost.ReserveAsync(line, 10_000))!, 9_000);
        await lost.StopAsync();
        await other.StopAsync();
        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((9_000, 0));
    }

    [Fact]
    public async Task Uses_up_no_lease_twice_where_a_node_was_settled_between_two_tries_of_a_batch()
    {
        await using var world = await LedgerWorld.NewAsync(10_000);
        var (lost, other) = (await world.StartAsync("one"), await world.StartAsync("other"));
        var line = lost.Line(new Budget(10_000, BudgetPeriod.Month));
        lost.End((await lost.ReserveAsync(line, 4_000))!, 3_000);
        var leased = (await world.RowAsync(AccountKind.Grant, world.GrantId, 202611)).LeasedMicros;
        await world.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE usage RENAME TO elsewhere"));
        (await lost.FlushAsync()).Should().BeFalse();
        await world.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE elsewhere RENAME TO usage"));
        await other.Reconcile.RunAsync(lost.Id, "operator:cli", CancellationToken.None);
        await lost.Leases.SeenAsync();

        (await lost.FlushAsync()).Should().BeTrue();

        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((leased + 3_000, 0), "all that it had leased was spent already");
        await lost.StopAsync();
        await other.StopAsync();
    }

    [Fact]
    public async Task Is_not_settled_by_hand_where_its_file_says_that_it_lives()
    {
        await using var world = await LedgerWorld.NewAsync(10_000);
        var (alive, other) = (await world.StartAsync(), await world.StartAsync());

        var settling = () => other.Reconcile.RunAsync(alive.Id, "operator:cli", CancellationToken.None);

        await settling.Should().ThrowAsync<IOException>();
        (await world.WithDatabaseAsync(db => db.SpendNodes.CountAsync())).Should().Be(2);
        (await world.WithDatabaseAsync(db => db.AuditEvents.CountAsync())).Should().Be(0);
        await alive.StopAsync();
        await other.StopAsync();
    }

    [Fact]
    public async Task Holds_with_many_threads_on_one_book_and_two_nodes()
    {
        const long Cap = 250_000;
        await using var world = await LedgerWorld.NewAsync(Cap, onDisk: true);
        LedgerNode[] nodes = [await world.StartAsync(), await world.StartAsync()];
        var (spent, claimed, made) = (0L, 0L, 0);
        using var done = new CancellationTokenSource();
        var keepers = nodes.Select(node => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await node.FlushAsync();
                await node.TurnAsync();
                await Task.Delay(5);
            }
        })).ToList();

        await Task.WhenAll(Enumerable.Range(0, 16).Select(thread => Task.Run(async () =>
        {
            var (node, random) = (nodes[thread % 2], new Random(thread));
            var line = node.Line(new Budget(Cap, BudgetPeriod.Month));
            for (var (i, refused) = (0, 0); i < 400 && refused < 20; i++)
            {
                if (await node.ReserveAsync(line, 50 + random.Next(150)) is not { } call)
                {
                    refused++;
                    continue;
                }

                // Read in the order in which they are written below: never too much.
                Interlocked.Increment(ref made);
                (Volatile.Read(ref spent) + Interlocked.Add(ref claimed, call.Micros)).Should().BeLessThanOrEqualTo(Cap);
                var cost = i % 7 == 0 ? 0 : random.NextInt64(call.Micros + 1);
                Interlocked.Add(ref claimed, -call.Micros);
                Interlocked.Add(ref spent, cost);
                if (i % 7 != 0)
                {
                    node.End(call, cost);
                }

                call.Dispose();
            }
        })));
        await done.CancelAsync();
        await Task.WhenAll(keepers);
        foreach (var node in nodes)
        {
            node.Ledger.Books.Where(book => !book.IsIdle).Should().BeEmpty("a book that was idle for long is closed, and one that is open holds nothing");
            await node.StopAsync();
        }

        made.Should().BeGreaterThan(1_000);
        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((spent, 0));
        spent.Should().BeLessThanOrEqualTo(Cap);
    }
}
