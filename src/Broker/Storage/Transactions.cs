namespace TokenBroker.Storage;

internal static class Transactions
{
    /// <summary>
    /// Runs the work in one write transaction, saves, and commits; joins the one that is open, if any. On SQLite
    /// the transaction takes the write lock at its start, so that a read inside it cannot grow stale before the write.
    /// </summary>
    public static async Task InTransactionAsync(this BrokerDbContext db, Func<Task> work, CancellationToken cancellationToken)
    {
        if (db.Database.CurrentTransaction is not null)
        {
            await work();
            await db.SaveChangesAsync(cancellationToken);
            return;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await work();
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }
}
