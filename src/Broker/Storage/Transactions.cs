namespace TokenBroker.Storage;

internal static class Transactions
{
    /// <summary>
    /// Runs the work in one write transaction, saves, and commits; joins the one that is open, if any. No other transaction
    /// runs beside it, on any node, so that a read inside it cannot grow stale before the write: on SQLite it takes the
    /// write lock at its start, on PostgreSQL a lock of the broker's own.
    /// </summary>
    public static Task InTransactionAsync(this BrokerDbContext db, Func<Task> work, CancellationToken cancellationToken) =>
        RunAsync(db, work, alone: true, cancellationToken);

    /// <summary>
    /// The same, beside others of its kind where the database has more than one writer: for what many nodes do many times a
    /// second, by statements that each decide for themselves and touch rows in one order.
    /// </summary>
    public static Task InSharedTransactionAsync(this BrokerDbContext db, Func<Task> work, CancellationToken cancellationToken) =>
        RunAsync(db, work, alone: false, cancellationToken);

    private static async Task RunAsync(BrokerDbContext db, Func<Task> work, bool alone, CancellationToken cancellationToken)
    {
        if (db.Database.CurrentTransaction is not null)
        {
            await work();
            await db.SaveChangesAsync(cancellationToken);
            return;
        }

        await using var transaction = alone ? await db.BeginAloneAsync(cancellationToken) : await db.Database.BeginTransactionAsync(cancellationToken);
        await work();
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }
}
