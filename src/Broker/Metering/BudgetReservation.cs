namespace TokenBroker.Metering;

/// <summary>
/// The claim of one call on all the books of its line. It is settled once, in all of them; disposing an unsettled one
/// gives it back. What is settled must be followed by its entry in the <see cref="UsageLog"/>, which stores it.
/// </summary>
internal sealed class BudgetReservation(OpenBooks books, long micros) : IDisposable
{
    private int _ended;

    public long Micros => micros;

    /// <summary>The accounts that the call counts under, with a cap or without, in the day in which it began: its cost counts there, whenever it ends.</summary>
    public OpenBooks Open => books;

    /// <summary>Replaces the claim by what the call cost.</summary>
    /// <returns>What it was settled at: nothing where it had ended before.</returns>
    public long Settle(long costMicros) => End(Math.Max(0, costMicros));

    public void Dispose() => End(0);

    private long End(long cost)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
        {
            return 0;
        }

        foreach (var one in books.Books)
        {
            one.Book.Settle(micros, cost);
        }

        return cost;
    }
}
