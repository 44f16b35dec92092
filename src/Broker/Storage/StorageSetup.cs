using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Options;
using TokenBroker.Storage.PostgreSql;

namespace TokenBroker.Storage;

internal static class StorageSetup
{
    private const string DatabaseFile = "broker.db";

    public static void AddStorage(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<StorageOptions>().BindConfiguration("Storage").ValidateDataAnnotations().ValidateOnStart();
        if (StorageOptions.Of(builder.Configuration).IsPostgreSql)
        {
            builder.AddPostgreSql();
            return;
        }

        builder.Services.AddSingleton<SqliteWriters>();
        builder.Services.AddDbContext<BrokerDbContext>(UseSqlite, optionsLifetime: ServiceLifetime.Singleton);
    }

    private static void UseSqlite(IServiceProvider services, DbContextOptionsBuilder options)
    {
        var directory = services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory;
        var connection = new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(directory, DatabaseFile),
            ForeignKeys = true,

            // Writers wait for each other this long, in seconds, before they give up.
            DefaultTimeout = 15,
        };
        options.UseSqlite(connection.ConnectionString).AddInterceptors(services.GetRequiredService<SqliteWriters>());

        // SQLite adds a foreign key by building the table anew, for which the checks of keys are off for a moment.
        options.ConfigureWarnings(warnings => warnings.Ignore(RelationalEventId.NonTransactionalMigrationOperationWarning));
    }

    /// <summary>Makes the folder, if need be, for its owner alone.</summary>
    public static void CreatePrivateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>SQLite gives its side files the mode of the database; by itself it would make one that others may read.</summary>
    private static void CreatePrivateFile(string path)
    {
        if (!OperatingSystem.IsWindows() && !File.Exists(path))
        {
            using var made = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
    }

    /// <summary>Makes the data directory, applies what migrations are missing, and on SQLite switches to write-ahead logging.</summary>
    public static async Task PrepareStorageAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        var directory = services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory;
        CreatePrivateDirectory(directory);
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        if (db is PostgreSqlBrokerDbContext shared)
        {
            await shared.PrepareAsync(cancellationToken);
            return;
        }

        CreatePrivateFile(Path.Combine(directory, DatabaseFile));
        await db.Database.MigrateAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL;", cancellationToken);
    }
}
