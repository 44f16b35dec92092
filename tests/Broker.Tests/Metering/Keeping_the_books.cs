using CsCheck;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

public sealed class Keeping_the_books
{
    [Fact]
    public void Never_passes_the_budget_and_leaks_nothing() =>
        Gen.Select(Gen.Long[0, 1_000], Gen.Select(Gen.Int[0, 3], Gen.Long[0, 400], Gen.Double[0, 1]).Array[0, 200]).Sample(
            (budget, steps) =>
            {
                var account = Account(0);
                var open = new List<BudgetReservation>();
                long spent = 0;
                foreach (var (step, amount, share) in steps)
                {
                    switch (step)
                    {
                        case 0 or 1:
                            var fits = amount <= budget - spent - open.Sum(r => r.Micros);
                            var reservation = account.TryReserve(amount, Monthly(budget));
                            (reservation is not null).Should().Be(fits);
                            if (reservation is not null)
                            {
                                open.Add(reservation);
                            }

                            break;
                        case 2 when open.Count > 0:
                            // A true cost is at most the worst; settling twice counts once.
                            var cost = (long)(open[0].Micros * share);
                            open[0].Settle(cost);
                            open[0].Settle(cost);
                            open[0].Dispose();
                            spent += cost;
                            open.RemoveAt(0);
                            break;
                        case 3 when open.Count > 0:
                            open[^1].Dispose();
                            open[^1].Dispose();
                            open.RemoveAt(open.Count - 1);
                            break;
                    }

                    (spent + open.Sum(r => r.Micros)).Should().BeLessThanOrEqualTo(budget);
                    account.LeftOf(Monthly(budget)).Should().Be(budget - spent - open.Sum(r => r.Micros));
                }

                open.ForEach(reservation => reservation.Dispose());
                account.LeftOf(Monthly(budget)).Should().Be(budget - spent);
                account.IsIdle.Should().BeTrue();
            },
            iter: 2_000);

    [Fact]
    public async Task Holds_under_threads()
    {
        const long budget = 10_000;
        var account = Account(0);
        long spent = 0;
        await Parallel.ForAsync(0, 20_000, (i, _) =>
        {
            if (account.TryReserve(100, Monthly(budget)) is { } reservation)
            {
                using (reservation)
                {
                    account.LeftOf(Monthly(budget)).Should().BeInRange(0, budget);
                    if (i % 3 == 0)
                    {
                        reservation.Settle(7);
                        Interlocked.Add(ref spent, 7);
                    }
                }
            }

            return ValueTask.CompletedTask;
        });

        account.IsIdle.Should().BeTrue();
        spent.Should().BeLessThanOrEqualTo(budget);
        account.LeftOf(Monthly(budget)).Should().Be(budget - spent);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - 1)]
    [InlineData(10_001)]
    public void Takes_no_overflow_for_a_yes(long amount)
    {
        var account = Account(5);

        account.TryReserve(amount, Monthly(10_000)).Should().BeNull();
        account.TryReserve(9_995, Monthly(10_000)).Should().NotBeNull();
        account.TryReserve(1, Monthly(10_000)).Should().BeNull();
    }

    [Fact]
    public void Has_nothing_left_of_a_budget_that_was_lowered_below_what_is_spent()
    {
        var account = Account(500);

        account.LeftOf(Monthly(100)).Should().Be(0);
        account.TryReserve(1, Monthly(100)).Should().BeNull();
    }

    [Fact]
    public void Begins_each_day_and_month_anew_but_never_the_whole()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
        var account = new BudgetAccount(Guid.NewGuid(), SpendPeriods.Of(clock.GetUtcNow()), default, clock);
        account.TryReserve(100, Monthly(100))!.Settle(100);

        Left().Should().Be((0, 0, 0));
        clock.Advance(TimeSpan.FromDays(1));
        Left().Should().Be((100, 0, 0));
        clock.Advance(TimeSpan.FromDays(1));
        Left().Should().Be((100, 100, 0));

        (long Day, long Month, long Total) Left() =>
            (account.LeftOf(new(100, BudgetPeriod.Day)), account.LeftOf(Monthly(100)), account.LeftOf(new(100, BudgetPeriod.Total)));
    }

    [Fact]
    public void Gives_no_budget_twice_to_a_clock_that_is_set_back()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 12, 1, 0, 30, 0, TimeSpan.Zero));
        var account = new BudgetAccount(Guid.NewGuid(), SpendPeriods.Of(clock.GetUtcNow()), default, clock);
        account.TryReserve(100, Monthly(100))!.Settle(100);

        clock.AdjustTime(new DateTimeOffset(2026, 11, 30, 23, 30, 0, TimeSpan.Zero));

        account.LeftOf(Monthly(100)).Should().Be(0);
        account.LeftOf(new(100, BudgetPeriod.Day)).Should().Be(0);
    }

    [Fact]
    public void Counts_a_call_where_it_began_and_leaves_the_next_period_alone()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 30, 23, 59, 0, TimeSpan.Zero));
        var account = new BudgetAccount(Guid.NewGuid(), SpendPeriods.Of(clock.GetUtcNow()), default, clock);
        var call = account.TryReserve(80, Monthly(100))!;

        clock.Advance(TimeSpan.FromMinutes(2));
        account.LeftOf(Monthly(100)).Should().Be(20, "an open call holds its claim across midnight");
        call.Settle(80);

        call.Began.Should().Be(new SpendPeriods(20261130, 202611));
        account.LeftOf(Monthly(100)).Should().Be(100);
        account.LeftOf(new(100, BudgetPeriod.Total)).Should().Be(20);
    }

    [Fact]
    public void Closes_only_when_unused_and_written()
    {
        var clock = new FakeTimeProvider();
        var account = new BudgetAccount(Guid.NewGuid(), SpendPeriods.Of(clock.GetUtcNow()), default, clock);
        var call = account.TryReserve(10, Monthly(100))!;
        clock.Advance(TimeSpan.FromHours(2));

        account.TryClose(TimeSpan.FromHours(1)).Should().BeFalse("a call is open");
        call.Settle(10);
        account.TryClose(TimeSpan.FromHours(1)).Should().BeFalse("its cost is not in the database yet");
        call.MarkWritten();
        account.TryClose(TimeSpan.FromHours(3)).Should().BeFalse("it was used lately");
        account.Touch().Should().BeTrue();
        clock.Advance(TimeSpan.FromHours(2));
        account.TryClose(TimeSpan.FromHours(1)).Should().BeTrue();
        account.Touch().Should().BeFalse("whoever comes now must open the book anew");
    }

    private static Budget Monthly(long micros) => new(micros, BudgetPeriod.Month);

    private static BudgetAccount Account(long spent) =>
        new(Guid.NewGuid(), SpendPeriods.Of(TimeProvider.System.GetUtcNow()), new Spending(spent, spent, spent), TimeProvider.System);
}
