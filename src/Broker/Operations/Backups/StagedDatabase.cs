using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Backups;

/// <summary>A database that is not the broker's yet, or no more: the program's own parts work on it where it lies.</summary>
internal static class StagedDatabase
{
    public const string FileName = "broker.db";

    /// <summary>The model on the database in this folder. No connection is kept after it.</summary>
    public static BrokerDbContext Open(IServiceProvider services, string directory) => new(new DbContextOptionsBuilder<BrokerDbContext>()
        .UseSqlite(new SqliteConnectionStringBuilder { DataSource = Path.Combine(directory, FileName), Pooling = false }.ConnectionString)
        .UseApplicationServiceProvider(services)
        .Options);

    /// <summary>The whole program, not started, on the database in this folder, with the vault that is configured.</summary>
    public static WebApplication CreateProgram(string[] configuration, string directory) => BrokerApplication.Create(configuration, builder =>
    {
        builder.Services.PostConfigure<VaultOptions>(options =>
        {
            var home = StorageOptions.Of(builder.Configuration);
            foreach (var settings in options.All)
            {
                settings.LocalFilePath = settings.LocalFilePathIn(home.DataDirectory);
            }
        });
        builder.Services.PostConfigure<StorageOptions>(options => options.DataDirectory = directory);
    });
}
