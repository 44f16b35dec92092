using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

/// <summary>A node was killed, and its file tells nothing, or nothing that can be believed: then all that it had leased counts as spent.</summary>
[Trait("Checklist", "28")]
public sealed class Losing_a_lease_file
{
    private const long Cap = 1_000;
    private static readonly Budget Monthly = new(Cap, BudgetPeriod.Month);

    [Theory]
    [InlineData("cut in its head")]
    [InlineData("cut behind its head")]
    [InlineData("empty")]
    [InlineData("of zeros")]
    [InlineData("of another format")]
    [InlineData("of another boot")]
    [InlineData("longer than it was")]
    public async Task Counts_the_whole_lease_where_the_file_is(string damage)
    {
        await using var world = await LedgerWorld.NewAsync(Cap);
        var (lease, file) = await KilledAsync(world);
        await DamageAsync(file, damage);

        var next = await world.StartAsync();

        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        row.CostMicros.Should().Be(lease, "what may have been spent was").And.BeLessThanOrEqualTo(Cap);
        row.LeasedMicros.Should().Be(0);
        File.Exists(file).Should().BeFalse("it is settled once");
        world.Log.Lines.Should().Contain(line => line.StartsWith("Warning", StringComparison.Ordinal)
            && line.Contains("without a file that can be believed, all that it had leased counts", StringComparison.Ordinal));
        (await world.WithDatabaseAsync(db => db.AuditEvents.CountAsync(e => e.Action == "budget.reconciled"))).Should().Be(1);
        await CanSpendAsync(next, Cap - lease);
        await next.StopAsync();
    }

    [Fact]
    public async Task Keeps_the_lease_until_an_operator_settles_it_where_the_file_is_gone()
    {
        await using var world = await LedgerWorld.NewAsync(Cap);
        var (lease, file) = await KilledAsync(world);
        File.Delete(file);

        var next = await world.StartAsync();

        var node = await world.WithDatabaseAsync(db => db.SpendNodes.Where(n => n.Id != next.Id).SingleAsync());
        world.Log.Lines.Should().Contain(line => line.Contains("has no file here; they count as spent", StringComparison.Ordinal) && line.Contains($"nodes reconcile {node.Id}", StringComparison.Ordinal));
        (await world.RowAsync(AccountKind.Grant, world.GrantId, 202611)).LeasedMicros.Should().Be(lease);
        await CanSpendAsync(next, Cap - lease);
        await next.FlushAsync();

        var settled = await next.Reconcile.RunAsync(node.Id, "operator:cli", CancellationToken.None);

        settled.Should().BeEquivalentTo(new { Exact = false, SpentMicros = lease, BackMicros = 0L });
        (await next.Reconcile.RunAsync(node.Id, "operator:cli", CancellationToken.None)).Should().BeNull("it is settled once");
        await next.StopAsync();
        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((Cap, 0));
    }

    [Fact]
    public async Task Counts_what_was_open_and_gives_the_rest_back_where_the_file_is_whole()
    {
        await using var world = await LedgerWorld.NewAsync(Cap);
        await KilledAsync(world);

        var next = await world.StartAsync();

        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((30 + 100, 0), "one call had ended, and one was open");
        await CanSpendAsync(next, Cap - 130);
        await next.StopAsync();
    }

    /// <summary>One call ended, at 30 of 60, and not stored; one open, of 100; and some lease to spare.</summary>
    private static async Task<(long Lease, string File)> KilledAsync(LedgerWorld world)
    {
        var node = await world.StartAsync();
        var line = node.Line(Monthly);
        var one = await node.ReserveAsync(line, 60);
        (await node.ReserveAsync(line, 100)).Should().NotBeNull();
        await node.TurnAsync();
        node.End(one!, 30);
        node.Kill();
        var lease = (await world.RowAsync(AccountKind.Grant, world.GrantId, 202611)).LeasedMicros;
        lease.Should().BeInRange(161, Cap - 1);
        return (lease, Directory.GetFiles(Path.Combine(world.DataDirectory, LeaseFile.Folder)).Single());
    }

    private static async Task CanSpendAsync(LedgerNode node, long rest)
    {
        var line = node.Line(Monthly);
        (await node.ReserveAsync(line, rest + 1)).Should().BeNull("no more is left");
        var all = await node.ReserveAsync(line, rest);
        all.Should().NotBeNull("so much is left");
        node.End(all!, rest);
    }

    private static async Task DamageAsync(string file, string damage)
    {
        var bytes = await File.ReadAllBytesAsync(file);
        var text = System.Text.Encoding.ASCII.GetString(bytes, 0, 100);
        await File.WriteAllBytesAsync(file, damage switch
        {
            "cut in its head" => bytes[..10],
            "cut behind its head" => bytes[..5_000],
            "empty" => [],
            "of zeros" => new byte[bytes.Length],
            "of another format" => [.. bytes[..18], (byte)'2', .. bytes[20..], 0],
            "of another boot" => [.. bytes[..(text.IndexOf('\n', StringComparison.Ordinal) + 1)], .. "00000000-0000-0000-0000-000000000000"u8, .. bytes[(text.IndexOf('\n', StringComparison.Ordinal) + 37)..]],
            _ => [.. bytes, 1, 2, 3],
        });
    }
}
