using System.Data.Common;
using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Storage.PostgreSql;

/// <summary>What somebody else's session does meanwhile: one that is not over, one that holds a lock, one that lost its connection.</summary>
public sealed class Sharing_with_others(Nodes nodes) : IClassFixture<Nodes>
{
    [Fact]
    public async Task Counts_a_batch_once_whose_first_try_is_still_being_committed()
    {
        await using var broker = await BrokerHost.StartAsync(Nodes.SettingsOf(nodes.Database, nodes.First));
        using var connected = await Connected.AsAsync(nodes.First);
        var api = new Api(broker, connected.Tokens.AccessToken);

        // A try whose connection broke after COMMIT was sent: nobody knows of it, and the server is at it.
        await using var other = await OpenAsync();
        await using var lost = await other.BeginTransactionAsync();
        await RunAsync(other, $"""UPDATE spend_nodes SET "Flush" = "Flush" + 1 WHERE "Id" = '{broker.Services.GetRequiredService<BudgetNode>().Id}'""");
        using var stored = await api.ChatAsync();
        await WaitsAsync("""query LIKE 'UPDATE spend_nodes%"Flush"%'""");
        await lost.CommitAsync();

        using var next = await api.ChatAsync(model: "gpt-4o");
        var rows = await Eventually.IsAsync(() => connected.UsageAsync(), rows => rows.Any(row => row.Model == "gpt-4o"));
        rows.Should().ContainSingle("the first call's row is the lost try's to store");
        (await connected.SpendAsync()).Calls.Should().Be(1);
    }

    [Fact]
    public async Task Proves_the_credit_ledger_beside_whoever_is_alone()
    {
        await using var other = await OpenAsync();
        await using var alone = await other.BeginTransactionAsync();
        await RunAsync(other, TokenBroker.Storage.PostgreSql.TransactionLocks.Alone);
        await using var scope = nodes.First.Services.CreateAsyncScope();

        var report = await scope.ServiceProvider.GetRequiredService<VerifyCredit>().RunAsync(CancellationToken.None);

        report.Faults.Should().BeEmpty();
    }

    [Fact]
    public async Task Waits_for_migrations_as_long_as_they_take()
    {
        var impatient = new NpgsqlConnectionStringBuilder(await PostgreSqlServer.NewTablesAsync()) { CommandTimeout = 1 };
        await using var other = new NpgsqlConnection(impatient.ConnectionString);
        await other.OpenAsync();
        await RunAsync(other, TokenBroker.Storage.PostgreSql.TransactionLocks.Migrating);
        await using var db = BareDatabase.OpenPostgreSql(impatient.ConnectionString);

        var prepared = db.PrepareAsync(CancellationToken.None);
        await Task.Delay(TimeSpan.FromSeconds(3));
        await RunAsync(other, TokenBroker.Storage.PostgreSql.TransactionLocks.Migrated);

        await prepared;
    }

    [Fact]
    public async Task Serves_many_people_over_one_connection_beside_the_one_that_listens()
    {
        var few = new NpgsqlConnectionStringBuilder(await PostgreSqlServer.NewTablesAsync()) { MaxPoolSize = 2 };
        await using var broker = await BrokerHost.StartAsync(Nodes.SettingsOf(few.ConnectionString));

        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            using var connected = await Connected.AsAsync(broker, budget: "1");
            using var call = await connected.Api.ChatAsync();
            call.StatusCode.Should().Be(HttpStatusCode.OK);
            var app = new OAuthApp(broker);
            using var refreshed = await app.RefreshAsync(connected.Tokens.RefreshToken);
            using var next = await new Api(broker, (await OAuthApp.ReadAsync(refreshed)).AccessToken).ChatAsync();
            next.StatusCode.Should().Be(HttpStatusCode.OK);
            await connected.UsageAsync(2);
            await connected.Person.PressAsync("Test App", "Revoke");
        }));

        broker.Log.Lines.Should().NotContain(line => line.Contains("connection pool has been exhausted", StringComparison.Ordinal), "nobody who holds a connection waits for another");
        await Nodes.AreWholeAsync(broker);
    }

    [Fact]
    public async Task Is_told_the_databases_own_fault_where_it_is_shut()
    {
        var database = await PostgreSqlServer.NewTablesAsync();
        await using var db = BareDatabase.OpenPostgreSql(database);
        await PostgreSqlServer.LetInAsync(database, false);

        var count = () => db.Users.CountAsync();

        await count.Should().ThrowAsync<DbException>("whoever tries again waits for that");
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(nodes.Database);
        await connection.OpenAsync();
        return connection;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Until a session of this database waits for a lock, in such a statement.</summary>
    private async Task WaitsAsync(string statement)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND {statement}", connection);
        (await Eventually.IsAsync(async () => (long)(await command.ExecuteScalarAsync())!, waiting => waiting > 0)).Should().BePositive();
    }
}
