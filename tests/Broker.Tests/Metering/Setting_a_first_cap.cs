using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

/// <summary>Calls that began before there was a cap claimed nothing under it.</summary>
[Trait("Checklist", "28")]
public sealed class Setting_a_first_cap
{
    private static readonly Budget Monthly = new(100_000, BudgetPeriod.Month);

    [Theory]
    [InlineData(499, true)]
    [InlineData(500, false)]
    public async Task Cuts_the_calls_that_are_open_where_it_has_no_room_for_them(long cap, bool isCut)
    {
        await using var world = await LedgerWorld.NewAsync(100_000);
        var node = await world.StartAsync();
        var cut = new List<AccountId>();
        node.Cuts.Subscribe(cut.Add);
        var line = node.Line(Monthly);
        node.End((await node.ReserveAsync(line, 200))!, 200);
        var open = await node.ReserveAsync(line, 300);
        await node.FlushAsync();

        await world.SetCapAsync(AccountKind.User, world.UserId, cap);
        node.Leases.Recheck(new AccountId(AccountKind.User, world.UserId));
        await node.TurnAsync();

        cut.Contains(new AccountId(AccountKind.User, world.UserId)).Should().Be(isCut);
        open!.Dispose();
        await node.StopAsync();
    }

    [Fact]
    public async Task That_another_process_set_does_so_as_well()
    {
        await using var world = await LedgerWorld.NewAsync(100_000);
        var node = await world.StartAsync();
        var cut = new List<AccountId>();
        node.Cuts.Subscribe(cut.Add);
        var open = await node.ReserveAsync(node.Line(Monthly), 300);
        await node.KeepAsync();
        cut.Should().BeEmpty();

        world.Clock.Advance(TimeSpan.FromMinutes(1));
        await world.SetCapAsync(AccountKind.User, world.UserId, 0);
        await node.KeepAsync();

        cut.Should().Contain(new AccountId(AccountKind.User, world.UserId));
        open!.Dispose();
        await node.StopAsync();
    }

    [Fact]
    public async Task Is_passed_by_no_more_than_the_calls_that_were_open_and_fitted_in_it()
    {
        await using var world = await LedgerWorld.NewAsync(100_000);
        var node = await world.StartAsync();
        var line = node.Line(Monthly);
        var earlier = await node.ReserveAsync(line, 400);
        await world.SetCapAsync(AccountKind.User, world.UserId, 1_000);
        node.Leases.Recheck(new AccountId(AccountKind.User, world.UserId));
        await node.TurnAsync();

        var later = await node.ReserveAsync(line, 1_000);
        later.Should().NotBeNull("what is not counted yet is not in its way");
        node.End(later!, 1_000);
        node.End(earlier!, 400);
        await node.KeepAsync();

        (await node.ReserveAsync(line, 1)).Should().BeNull();
        await node.StopAsync();
        (await world.RowAsync(AccountKind.User, world.UserId, SpendPeriods.Total)).CostMicros.Should().Be(1_400, "the bound: the cap, and what was open when it was set");
    }
}
