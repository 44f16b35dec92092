using System.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

namespace TokenBroker.Storage.PostgreSql;

/// <summary>
/// The same tables on PostgreSQL. What SQLite gives for nothing is made here: text compares byte by byte and has no length
/// of its own, and of a transaction that counts on being alone there is one at a time, over all nodes
/// (see <see cref="TransactionLocks"/>).
/// </summary>
internal sealed class PostgreSqlBrokerDbContext(DbContextOptions<PostgreSqlBrokerDbContext> options) : BrokerDbContext(options)
{
    private IDbContextTransaction? _alone;

    /// <summary>The first statement of a transaction that begins now: which lock it takes.</summary>
    public string AtBegin { get; private set; } = TransactionLocks.Beside;

    public override async Task<IDbContextTransaction> BeginAloneAsync(CancellationToken cancellationToken) =>
        _alone = await BeginAsync(TransactionLocks.Alone, IsolationLevel.ReadCommitted, cancellationToken);

    public override Task<IDbContextTransaction> BeginSnapshotAsync(CancellationToken cancellationToken)
    {
        // It holds nobody up, and may take the time that whole tables take.
        Database.SetCommandTimeout(0);
        return BeginAsync(TransactionLocks.None, IsolationLevel.RepeatableRead, cancellationToken);
    }

    public override async Task QueueAsync(CancellationToken cancellationToken)
    {
        if (Database.CurrentTransaction is not { } open || !ReferenceEquals(open, _alone))
        {
            await Database.ExecuteSqlRawAsync(TransactionLocks.Queue, cancellationToken);
        }
    }

    /// <summary>Applies what migrations are missing. Nodes that start together do so one after another.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        // Held by the connection: migrations are several transactions. An index of a large table takes its time, and
        // who waits for another node's has none to lose.
        Database.SetCommandTimeout(0);
        await Database.OpenConnectionAsync(cancellationToken);
        try
        {
            await Database.ExecuteSqlRawAsync(TransactionLocks.Migrating, cancellationToken);
            await Database.MigrateAsync(cancellationToken);
            await Database.ExecuteSqlRawAsync(TransactionLocks.Migrated, cancellationToken);
        }
        finally
        {
            await Database.CloseConnectionAsync();
        }
    }

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        var columns = builder.Model.GetEntityTypes().Where(type => !type.IsMappedToJson()).SelectMany(type => type.GetProperties());
        foreach (var property in columns.Where(p => (p.GetProviderClrType() ?? p.GetValueConverter()?.ProviderClrType ?? p.ClrType) == typeof(string)))
        {
            AsSqliteHasIt(property);
        }
    }

    private async Task<IDbContextTransaction> BeginAsync(string first, IsolationLevel isolation, CancellationToken cancellationToken)
    {
        AtBegin = first;
        try
        {
            return await Database.BeginTransactionAsync(isolation, cancellationToken);
        }
        finally
        {
            AtBegin = TransactionLocks.Beside;
        }
    }

    /// <summary>Lengths are checked where text comes in. Here one that was missed would hold up a batch of usage for good.</summary>
    private static void AsSqliteHasIt(IMutableProperty property)
    {
        property.SetColumnType("text");
        property.SetCollation("C");
    }
}
