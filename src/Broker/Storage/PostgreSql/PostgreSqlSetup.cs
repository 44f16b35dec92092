using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace TokenBroker.Storage.PostgreSql;

internal static class PostgreSqlSetup
{
    /// <summary>Whoever waits for a lock gives up after so many seconds, as on SQLite.</summary>
    private const int Patience = 15;
    private static readonly TransactionLocks Locks = new();
    private static readonly StorableText Text = new();

    public static void AddPostgreSql(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.TryAddSingleton<ThisNode>();
        services.AddSingleton(CreateDataSource);
        services.AddSingleton<ChangeFeed>();
        services.AddDbContext<BrokerDbContext, PostgreSqlBrokerDbContext>(
            (provider, options) => options.UseData(provider.GetRequiredService<NpgsqlDataSource>()), optionsLifetime: ServiceLifetime.Singleton);
    }

    /// <summary>
    /// For a <see cref="PostgreSqlBrokerDbContext"/>. Npgsql's own strategy would throw a lost connection, a deadlock or a full
    /// server as an <see cref="InvalidOperationException"/>: with this one the fault is the database's own, as on SQLite.
    /// </summary>
    public static DbContextOptionsBuilder UseData(this DbContextOptionsBuilder options, NpgsqlDataSource data) =>
        options.UseNpgsql(data, npgsql => npgsql.ExecutionStrategy(dependencies => new NonRetryingExecutionStrategy(dependencies))).AddInterceptors(Locks, Text);

    /// <summary>What happens once for all nodes happens on one of them: others that start meanwhile wait here until it is disposed.</summary>
    /// <returns>Null on SQLite, where there is one node.</returns>
    public static async Task<IAsyncDisposable?> StartAloneAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        if (services.GetService<NpgsqlDataSource>() is not { } data)
        {
            return null;
        }

        // Its own pool and no reset: closing it for good is what gives the lock back, however this ends.
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(services.GetRequiredService<IOptions<StorageOptions>>().Value.ConnectionString) { Pooling = false }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = TransactionLocks.Starting;
            command.CommandTimeout = 0;
            await command.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static NpgsqlDataSource CreateDataSource(IServiceProvider services)
    {
        var connection = new NpgsqlConnectionStringBuilder(services.GetRequiredService<IOptions<StorageOptions>>().Value.ConnectionString);
        if (!connection.ContainsKey("Command Timeout"))
        {
            connection.CommandTimeout = Patience;
        }

        connection.ApplicationName ??= "tokenbroker";

        // The triggers say whose change it is, so that a node need not hear its own; and a node that is cut off in the middle
        // of a transaction must not hold up the others for longer than this.
        connection.Options = $"{connection.Options} -c tokenbroker.node={services.GetRequiredService<ThisNode>().Id:N} -c idle_in_transaction_session_timeout=30s".Trim();
        return new NpgsqlDataSourceBuilder(connection.ConnectionString).Build();
    }
}

/// <summary>This run of the program, among those on one PostgreSQL.</summary>
internal sealed class ThisNode
{
    public Guid Id { get; } = Guid.NewGuid();
}
