using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using TokenBroker.Metering;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Metering;

/// <summary>A database from before apps and users had accounts of their own.</summary>
public sealed class Counting_old_spend : IDisposable
{
    private static readonly Guid App = Guid.CreateVersion7();
    private static readonly Guid User = Guid.CreateVersion7();
    private readonly string _directory = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Gives_apps_and_users_what_their_grants_had_spent()
    {
        var (one, other, child) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await using (var db = BareDatabase.Open(_directory))
        {
            await db.GetService<IMigrator>().MigrateAsync("Custody");
            await GrantAsync(db, one, parent: null);
            await GrantAsync(db, other, parent: null);
            await GrantAsync(db, child, parent: one);
            foreach (var (grant, cost) in ((Guid, long)[])[(one, 700), (other, 50), (child, 200)])
            {
                await db.Database.ExecuteSqlAsync($"""INSERT INTO spend ("GrantId", "Period", "CostMicros", "Calls") VALUES ({grant}, {0}, {cost}, {2})""");
            }

            await db.Database.MigrateAsync();
        }

        await using var now = BareDatabase.Open(_directory);
        var spend = await now.Spend.AsNoTracking().ToDictionaryAsync(s => new AccountId(s.Kind, s.OwnerId));
        spend.Should().HaveCount(5);
        (spend[new(AccountKind.Grant, one)].CostMicros, spend[new(AccountKind.Grant, child)].CostMicros).Should().Be((700, 200));

        // What a child spent is among what its parent spent.
        (spend[new(AccountKind.App, App)].CostMicros, spend[new(AccountKind.App, App)].Calls).Should().Be((750, 4));
        spend[new(AccountKind.User, User)].CostMicros.Should().Be(750);
        spend.Values.Should().OnlyContain(s => s.LeasedMicros == 0);
    }

    /// <summary>A row of that time: what must not be null and does not matter is empty.</summary>
    private static async Task GrantAsync(BrokerDbContext db, Guid id, Guid? parent)
    {
        var given = new Dictionary<string, object?> { ["Id"] = id, ["ApplicationId"] = App, ["UserId"] = User, ["ParentId"] = parent };
        var needed = await db.Database.SqlQueryRaw<string>("""SELECT name AS "Value" FROM pragma_table_info('grants') WHERE "notnull" = 1 OR name IN ('ApplicationId', 'ParentId')""").ToListAsync();
        await using var insert = db.Database.GetDbConnection().CreateCommand();
        insert.CommandText = $"INSERT INTO grants ({string.Join(", ", needed.Select(n => $"\"{n}\""))}) VALUES ({string.Join(", ", needed.Select(n => "@" + n))})";
        foreach (var name in needed)
        {
            var parameter = insert.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ("@" + name, given.TryGetValue(name, out var value) ? value ?? DBNull.Value : "");
            insert.Parameters.Add(parameter);
        }

        await db.Database.OpenConnectionAsync();
        await insert.ExecuteNonQueryAsync();
    }
}
