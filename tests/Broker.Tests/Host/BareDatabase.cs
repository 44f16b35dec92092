using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TokenBroker.Storage;
using TokenBroker.Storage.PostgreSql;

namespace TokenBroker.Tests.Host;

/// <summary>The broker's tables in a file of their own, without a broker around them.</summary>
internal static class BareDatabase
{
    private static readonly ServiceProvider Services = new ServiceCollection().AddIdentityOptions().BuildServiceProvider();

    public static BrokerDbContext Open(string directory) => new(new DbContextOptionsBuilder<BrokerDbContext>()
        .UseSqlite(ConnectionString(directory))
        .UseApplicationServiceProvider(Services)
        .Options);

    /// <summary>The database of a broker, which may be stopped.</summary>
    public static BrokerDbContext Of(BrokerHost host) => host.OwnDatabase is null ? Open(host.DataDirectory) : OpenPostgreSql(host.OwnDatabase);

    /// <param name="connectionString">How to connect to the database.</param>
    public static PostgreSqlBrokerDbContext OpenPostgreSql(string connectionString) => new((DbContextOptions<PostgreSqlBrokerDbContext>)new DbContextOptionsBuilder<PostgreSqlBrokerDbContext>()
        .UseData(NpgsqlDataSource.Create(connectionString))
        .UseApplicationServiceProvider(Services)
        .Options);

    public static string ConnectionString(string directory) =>
        $"Data Source={Path.Combine(directory, "broker.db")};Foreign Keys=False;Pooling=False;Default Timeout=30";

    /// <summary>The model reads from Identity's options which of its tables there are.</summary>
    public static IServiceCollection AddIdentityOptions(this IServiceCollection services) =>
        services.Configure<IdentityOptions>(options => options.Stores.SchemaVersion = IdentitySchemaVersions.Version3);
}
