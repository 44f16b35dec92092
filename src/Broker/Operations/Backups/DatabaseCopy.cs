using Microsoft.Data.Sqlite;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Backups;

/// <summary>
/// A database file that nobody else uses. It is made by VACUUM INTO: one read transaction, beside which the broker goes on
/// writing; and, unlike a copy of the pages, without the free pages, where the envelope of a key that was deleted may still
/// lie. (https://www.sqlite.org/lang_vacuum.html, section 3)
/// </summary>
internal static class DatabaseCopy
{
    public static string PathOf(BrokerDbContext db) =>
        new SqliteConnectionStringBuilder(Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.GetConnectionString(db.Database)).DataSource;

    public static async Task MakeAsync(string from, string to, CancellationToken cancellationToken)
    {
        // The file is there first, empty and private: SQLite would make one that others may read.
        await BackupFile.CreatePrivate(to).DisposeAsync();
        await using var source = await OpenAsync(from, SqliteOpenMode.ReadWrite, cancellationToken);
        await using var command = source.CreateCommand();
        command.CommandTimeout = 0;
        command.CommandText = "VACUUM INTO $to";
        command.Parameters.AddWithValue("$to", to);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <exception cref="InvalidDataException">SQLite finds the file damaged.</exception>
    public static async Task RequireWholeAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await OpenAsync(path, SqliteOpenMode.ReadOnly, cancellationToken);
            if (await TextAsync(connection, "PRAGMA integrity_check(1)", cancellationToken) is var found && found != "ok")
            {
                throw new InvalidDataException($"SQLite finds the database damaged: {found}");
            }
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode is 11 or 26)
        {
            throw new InvalidDataException($"SQLite finds the database damaged: {exception.Message}", exception);
        }
    }

    public static async Task<string> MigrationOfAsync(string path, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(path, SqliteOpenMode.ReadOnly, cancellationToken);
        return await TextAsync(connection, "SELECT MAX(\"MigrationId\") FROM \"__EFMigrationsHistory\"", cancellationToken);
    }

    public static async Task<IReadOnlyDictionary<string, long>> CountAsync(string path, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(path, SqliteOpenMode.ReadOnly, cancellationToken);
        var names = new List<string>();
        await using (var tables = connection.CreateCommand())
        {
            tables.CommandText = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_\\_EF%' ESCAPE '\\' ORDER BY name";
            await using var reader = await tables.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                names.Add(reader.GetString(0));
            }
        }

        var counts = new Dictionary<string, long>();
        foreach (var name in names)
        {
            await using var count = connection.CreateCommand();
            count.CommandText = $"SELECT COUNT(*) FROM \"{name}\"";
            counts[name] = (long)(await count.ExecuteScalarAsync(cancellationToken))!;
        }

        return counts;
    }

    /// <summary>Folds the write-ahead log in and leaves it, for which nobody else may have the database open.</summary>
    /// <exception cref="SqliteException">Somebody has.</exception>
    public static async Task BecomeOneFileAsync(string path, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(path, SqliteOpenMode.ReadWrite, cancellationToken);
        if (await TextAsync(connection, "PRAGMA journal_mode = DELETE", cancellationToken) != "delete")
        {
            throw new SqliteException("The write-ahead log could not be left.", 5);
        }
    }

    private static async Task<SqliteConnection> OpenAsync(string path, SqliteOpenMode mode, CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false, DefaultTimeout = 3 }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    private static async Task<string> TextAsync(SqliteConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(cancellationToken) as string ?? "";
    }
}
