using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace TokenBroker.Storage;

/// <summary>Lets <c>dotnet ef migrations add</c> build the model without starting the broker.</summary>
internal sealed class DesignTimeContext : IDesignTimeDbContextFactory<BrokerDbContext>
{
    public BrokerDbContext CreateDbContext(string[] args)
    {
        // Identity reads its schema version, which brings the passkeys, from the application's services.
        var services = new ServiceCollection()
            .Configure<IdentityOptions>(options => options.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
            .BuildServiceProvider();
        return new BrokerDbContext(new DbContextOptionsBuilder<BrokerDbContext>()
            .UseSqlite("Data Source=design-time.db")
            .UseApplicationServiceProvider(services)
            .Options);
    }
}
