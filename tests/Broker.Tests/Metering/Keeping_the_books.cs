using CsCheck;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

public sealed class Keeping_the_books
{
    [Fact]
    public void Never_passes_the_budget_and_leaks_nothing() =>
        Gen.Select(Gen.Long[0, 1_000], Gen.Select(Gen.Int[0, 3], Gen.Long[0, 400], Gen.Double[0, 1]).Array[0, 200]).Sample(
            (budget, steps) =>
            {
                var account = new BudgetLedger.Account(202611, 0);
                var open = new List<BudgetLedger.Reservation>();
                long spent = 0;
                foreach (var (step, amount, share) in steps)
                {
                    switch (step)
                    {
                        case 0 or 1:
                            var fits = amount <= budget - spent - open.Sum(r => r.Micros);
                            var reservation = account.TryReserve(amount, budget);
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
                    account.LeftOf(budget).Should().Be(budget - spent - open.Sum(r => r.Micros));
                }

                open.ForEach(reservation => reservation.Dispose());
                account.LeftOf(budget).Should().Be(budget - spent);
                account.IsIdle.Should().BeTrue();
            },
            iter: 2_000);

    [Fact]
    public async Task Holds_under_threads()
    {
        const long budget = 10_000;
        var account = new BudgetLedger.Account(202611, 0);
        long spent = 0;
        await Parallel.ForAsync(0, 20_000, (i, _) =>
        {
            if (account.TryReserve(100, budget) is { } reservation)
            {
                using (reservation)
                {
                    account.LeftOf(budget).Should().BeInRange(0, budget);
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
        account.LeftOf(budget).Should().Be(budget - spent);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - 1)]
    [InlineData(10_001)]
    public void Takes_no_overflow_for_a_yes(long amount)
    {
        var account = new BudgetLedger.Account(202611, 5);

        account.TryReserve(amount, 10_000).Should().BeNull();
        account.TryReserve(9_995, 10_000).Should().NotBeNull();
        account.TryReserve(1, 10_000).Should().BeNull();
    }

    [Fact]
    public void Has_nothing_left_of_a_budget_that_was_lowered_below_what_is_spent()
    {
        var account = new BudgetLedger.Account(202611, 500);

        account.LeftOf(100).Should().Be(0);
        account.TryReserve(1, 100).Should().BeNull();
    }
}
