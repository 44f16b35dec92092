using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace TokenBroker.Storage.PostgreSql;

/// <summary>
/// Gives PostgreSQL's transactions what the code was written for on SQLite. Each takes one advisory lock as its first
/// statement: <see cref="Alone"/> where it reads and then writes by what it read (limits that are counted, the audit log's
/// chain), and else <see cref="Beside"/>, which any number hold at a time but none while another is alone. Each statement
/// of READ COMMITTED sees what was committed before it, so that a read after the lock is never older than the lock.
/// </summary>
internal sealed class TransactionLocks : DbTransactionInterceptor
{
    public const string Alone = "SELECT pg_advisory_xact_lock(1953198443, 1)";
    public const string Beside = "SELECT pg_advisory_xact_lock_shared(1953198443, 1)";

    /// <summary>For one that only reads, and sees all tables as they were at one moment: it waits for nobody, and nobody for it.</summary>
    public const string None = "SET TRANSACTION READ ONLY";

    /// <summary>For the part of a transaction among others in which it must be alone with its kind. Taken last, by those that are not alone anyway.</summary>
    public const string Queue = "SELECT pg_advisory_xact_lock(1953198443, 2)";
    public const string Migrating = "SELECT pg_advisory_lock(1953198443, 3)";
    public const string Migrated = "SELECT pg_advisory_unlock(1953198443, 3)";
    public const string Starting = "SELECT pg_advisory_lock(1953198443, 4)";

    public override DbTransaction TransactionStarted(DbConnection connection, TransactionEndEventData eventData, DbTransaction result)
    {
        using var command = CommandOf(connection, eventData, result);
        command.ExecuteNonQuery();
        return result;
    }

    public override async ValueTask<DbTransaction> TransactionStartedAsync(
        DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default)
    {
        await using var command = CommandOf(connection, eventData, result);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return result;
    }

    private static DbCommand CommandOf(DbConnection connection, TransactionEndEventData eventData, DbTransaction transaction)
    {
        var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = (eventData.Context as PostgreSqlBrokerDbContext)?.AtBegin ?? Beside;
        return command;
    }
}
