using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Tests.Host;

/// <summary>
/// Empty tables, made once by the broker's own migrations and copied for each test: a broker that starts on a copy finds
/// nothing left to migrate. Tests that are about the first start bring a folder of their own.
/// </summary>
internal static class MigratedData
{
    private static readonly Lazy<byte[]> Database = new(Migrate);

    public static string NewDirectory()
    {
        var directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
        var made = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            made.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var file = new FileStream(Path.Combine(directory, "broker.db"), made);
        file.Write(Database.Value);
        return directory;
    }

    /// <summary>Into a database that has nothing in it yet, such as one in memory.</summary>
    public static void CopyTo(SqliteConnection empty)
    {
        var directory = NewDirectory();
        using (var connection = new SqliteConnection(BareDatabase.ConnectionString(directory)))
        {
            connection.Open();
            connection.BackupDatabase(empty);
        }

        Directory.Delete(directory, recursive: true);
    }

    private static byte[] Migrate()
    {
        var directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
        try
        {
            using (var db = BareDatabase.Open(directory))
            {
                db.Database.Migrate();
            }

            // One file holds it all once the log of writes is back in it and nobody has it open.
            using (var connection = new SqliteConnection(BareDatabase.ConnectionString(directory)))
            {
                connection.Open();
                using var command = connection.CreateCommand();
                command.CommandText = "PRAGMA journal_mode = DELETE;";
                command.ExecuteScalar().Should().Be("delete");
            }

            return File.ReadAllBytes(Path.Combine(directory, "broker.db"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
