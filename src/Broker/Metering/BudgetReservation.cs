namespace TokenBroker.Metering;

/// <summary>
/// The claim of one call on a grant's book, and on the books of the grants that it was cut from. It is settled once,
/// in all of them; disposing an unsettled one gives it back.
/// </summary>
internal sealed class BudgetReservation(BudgetAccount account, long micros, SpendPeriods began, BudgetReservation? above) : IDisposable
{
    private int _ended;

    public long Micros => micros;

    public Guid GrantId => account.GrantId;

    /// <summary>When the call began: its cost counts there, whenever it ends.</summary>
    public SpendPeriods Began => began;

    /// <summary>The claim on the grant that this one was cut from.</summary>
    public BudgetReservation? Above => above;

    /// <summary>Replaces the claim by what the call cost. <see cref="MarkWritten"/> follows once that is in the database.</summary>
    public void Settle(long costMicros)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            account.Settle(micros, Math.Max(0, costMicros), began);
        }

        above?.Settle(costMicros);
    }

    public void MarkWritten()
    {
        account.MarkWritten();
        above?.MarkWritten();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            account.Release(micros);
        }

        above?.Dispose();
    }
}
