using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using TokenBroker.Storage.PostgreSql;

namespace TokenBroker.Storage;

/// <summary>Lets <c>dotnet ef migrations add</c> build the model without starting the broker.</summary>
internal sealed class DesignTimeContext : IDesignTimeDbContextFactory<BrokerDbContext>, IDesignTimeDbContextFactory<PostgreSqlBrokerDbContext>
{
    public BrokerDbContext CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<BrokerDbContext>()
        .UseSqlite("Data Source=design-time.db")
        .UseApplicationServiceProvider(Services())
        .Options);

    PostgreSqlBrokerDbContext IDesignTimeDbContextFactory<PostgreSqlBrokerDbContext>.CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<PostgreSqlBrokerDbContext>()
            .UseNpgsql("Host=design-time")
            .UseApplicationServiceProvider(Services())
            .Options);

    /// <summary>Identity reads its schema version, which brings the passkeys, from the application's services.</summary>
    private static ServiceProvider Services() => new ServiceCollection()
        .Configure<IdentityOptions>(options => options.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
        .BuildServiceProvider();
}
