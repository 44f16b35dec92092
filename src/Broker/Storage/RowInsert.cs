using TokenBroker.Storage.PostgreSql;

namespace TokenBroker.Storage;

/// <summary>
/// One statement for many rows of one shape, in the transaction that is open. It writes values as the model's own
/// columns hold them, past the change tracker: what is stored behind each call must cost less than the call.
/// </summary>
internal abstract class RowInsert : IDisposable
{
    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    public static RowInsert Into(BrokerDbContext db, string table, IReadOnlyList<string> columns)
    {
        _ = db.Database.CurrentTransaction ?? throw new InvalidOperationException("Rows are stored in the transaction of what they belong to.");
        return db is PostgreSqlBrokerDbContext shared ? new PostgreSqlRows(shared, table, columns) : SqliteRows.Prepare(db, table, columns);
    }

    /// <summary>The next column's value.</summary>
    public abstract RowInsert With(Guid value);

    /// <inheritdoc cref="With(Guid)"/>
    public abstract RowInsert With(DateTime value);

    /// <inheritdoc cref="With(Guid)"/>
    public abstract RowInsert With(string? value);

    /// <inheritdoc cref="With(Guid)"/>
    public abstract RowInsert With(long value);

    /// <inheritdoc cref="With(Guid)"/>
    public abstract RowInsert With(bool value);

    /// <summary>The row's values were all given.</summary>
    /// <exception cref="System.Data.Common.DbException">The database refused it.</exception>
    public abstract void Store();

    /// <summary>The last row was stored. Before this, rows may not have been sent yet.</summary>
    /// <exception cref="System.Data.Common.DbException">The database refused one.</exception>
    public abstract Task CompleteAsync(CancellationToken cancellationToken);

    public abstract void Dispose();
}
