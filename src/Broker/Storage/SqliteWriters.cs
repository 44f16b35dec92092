using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using SQLitePCL;

namespace TokenBroker.Storage;

/// <summary>
/// Puts this process's writers of the SQLite database in a queue. SQLite has one writer at a time, and who comes while
/// it is busy is not queued: the driver tries again every 150 ms, on a blocked thread, so that one of several writers is
/// served and the others sleep on. Here a transaction waits for its turn without a thread, first come, first served.
/// The lock itself stays SQLite's: where other processes write, or somebody waits for too long, that one decides.
/// </summary>
/// <remarks>
/// Held by connection, from before BEGIN to the end of the transaction. One that is disposed without an end has its connection
/// closed by EF, and ends with that. A single statement outside a transaction takes no turn; it waits in SQLite, which
/// looks again after milliseconds.
/// </remarks>
internal sealed class SqliteWriters : DbTransactionInterceptor, IDbConnectionInterceptor, IDisposable
{
    private const int SingleStatementPatienceMilliseconds = 1_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly ConcurrentDictionary<DbConnection, bool> _holders = new(ReferenceEqualityComparer.Instance);

    public override InterceptionResult<DbTransaction> TransactionStarting(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result)
    {
        Took(connection, _turn.Wait(Patience));
        return result;
    }

    public override async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result, CancellationToken cancellationToken = default)
    {
        Took(connection, await _turn.WaitAsync(Patience, cancellationToken));
        return result;
    }

    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Leave(eventData.Context?.Database.GetDbConnection());

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Leave(eventData.Context?.Database.GetDbConnection());
        return Task.CompletedTask;
    }

    public override void TransactionRolledBack(DbTransaction transaction, TransactionEndEventData eventData) => Leave(eventData.Context?.Database.GetDbConnection());

    public override Task TransactionRolledBackAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Leave(eventData.Context?.Database.GetDbConnection());
        return Task.CompletedTask;
    }

    public void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) =>
        raw.sqlite3_busy_timeout(((SqliteConnection)connection).Handle!, SingleStatementPatienceMilliseconds);

    public Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ConnectionOpened(connection, eventData);
        return Task.CompletedTask;
    }

    public void ConnectionClosed(DbConnection connection, ConnectionEndEventData eventData) => Leave(connection);

    public Task ConnectionClosedAsync(DbConnection connection, ConnectionEndEventData eventData)
    {
        Leave(connection);
        return Task.CompletedTask;
    }

    public void ConnectionDisposed(DbConnection connection, ConnectionEndEventData eventData) => Leave(connection);

    public Task ConnectionDisposedAsync(DbConnection connection, ConnectionEndEventData eventData)
    {
        Leave(connection);
        return Task.CompletedTask;
    }

    public void Dispose() => _turn.Dispose();

    private void Took(DbConnection connection, bool isOurTurn)
    {
        if (isOurTurn)
        {
            _holders[connection] = true;
        }
    }

    private void Leave(DbConnection? connection)
    {
        if (connection is not null && _holders.TryRemove(connection, out _))
        {
            _turn.Release();
        }
    }
}
