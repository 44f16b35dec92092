using TokenBroker.Metering;

namespace TokenBroker.Tests.Metering;

public sealed class Claiming_from_a_book
{
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - 1)]
    [InlineData(10_001)]
    public void Takes_no_overflow_for_a_yes(long amount)
    {
        var book = Book(10_000);

        book.TryReserve(5).Should().Be(Claim.Made);
        book.TryReserve(amount).Should().Be(Claim.Short);
        book.TryReserve(9_995).Should().Be(Claim.Made);
        book.TryReserve(1).Should().Be(Claim.Short);
        book.TryReserve(0).Should().Be(Claim.Made, "what costs nothing needs no lease");
    }

    private static BudgetBook Book(long leased)
    {
        var book = new BudgetBook(new BookKey(new(AccountKind.Grant, Guid.NewGuid()), SpendPeriods.Total), new NoSlot());
        book.Add(leased, 0, leased);
        return book;
    }

    private sealed class NoSlot : ILeaseSlot
    {
        public long Reserved
        {
            set => _ = value;
        }

        public long Settled
        {
            set => _ = value;
        }

        public void Mark(long flush, long stored)
        {
        }

        public void Free()
        {
        }
    }
}
