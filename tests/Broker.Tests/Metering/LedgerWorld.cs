using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;
using TokenBroker.Storage.PostgreSql;
using TokenBroker.Tests.Custody.Rewrapping;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Metering;

/// <summary>A database and the nodes on it, without a broker around them: each node's turns are the test's.</summary>
internal sealed class LedgerWorld : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-ledger-").FullName;
    private readonly SqliteConnection _keepsItOpen;

    /// <summary>Where all tests run on PostgreSQL; else null.</summary>
    private readonly NpgsqlDataSource? _data;

    /// <summary>What the test itself looks through, at every step of a schedule.</summary>
    private readonly ServiceProvider _services;

    private LedgerWorld(FakeTimeProvider clock, bool onDisk, string? postgreSql)
    {
        Clock = clock;
        _data = postgreSql is null ? null : NpgsqlDataSource.Create(postgreSql);
        Connection = onDisk
            ? $"Data Source={Path.Combine(_directory, "ledger.db")};Foreign Keys=True;Pooling=False;Default Timeout=30"
            : $"Data Source=ledger-{Guid.NewGuid():N};Mode=Memory;Cache=Shared;Foreign Keys=True";
        _keepsItOpen = new SqliteConnection(Connection);
        _services = Provide();
    }

    public FakeTimeProvider Clock { get; }

    public Guid GrantId { get; } = Guid.NewGuid();

    public Guid UserId { get; } = Guid.NewGuid();

    public string DataDirectory => _directory;

    public LogCapture Log { get; } = new();

    public int Day => SpendPeriods.Of(Clock.GetUtcNow()).Day;

    private string Connection { get; }

    /// <param name="budgetMicros">The grant's.</param>
    /// <param name="period">For which time it is.</param>
    /// <param name="onDisk">On SQLite, for nodes that run at one time: a database in memory takes one writer and makes nobody wait.</param>
    public static async Task<LedgerWorld> NewAsync(long budgetMicros, BudgetPeriod period = BudgetPeriod.Month, bool onDisk = false)
    {
        var world = new LedgerWorld(
            new FakeTimeProvider(new DateTimeOffset(2026, 11, 1, 12, 0, 0, TimeSpan.Zero)), onDisk, PostgreSqlServer.IsForAll ? await PostgreSqlServer.NewTablesAsync() : null);
        if (world._data is null)
        {
            await world._keepsItOpen.OpenAsync();
            MigratedData.CopyTo(world._keepsItOpen);
        }

        await using var scope = world._services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        db.Users.Add(new() { Id = world.UserId, UserName = "somebody" });
        db.Grants.Add(new Grant
        {
            Id = world.GrantId,
            UserId = world.UserId,
            UpstreamId = "openai",
            BudgetMicros = budgetMicros,
            BudgetPeriod = period,
            Status = OpenIddictConstants.Statuses.Valid,
            ExpiresAt = DateTime.MaxValue,
        });
        await db.SaveChangesAsync();
        return world;
    }

    /// <summary>A node that starts: what died before it is settled first.</summary>
    /// <param name="machine">Another machine than the first: the files of its nodes are elsewhere.</param>
    public async Task<LedgerNode> StartAsync(string machine = "")
    {
        var services = Provide(machine);
        await services.GetRequiredService<Reconcile>().AtStartAsync(CancellationToken.None);
        await services.GetRequiredService<BudgetNode>().BeginAsync(CancellationToken.None);
        return new LedgerNode(services, this);
    }

    public async Task<T> WithDatabaseAsync<T>(Func<BrokerDbContext, Task<T>> work)
    {
        await using var scope = _services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<BrokerDbContext>());
    }

    public Task<int> SetBudgetAsync(long micros) => WithDatabaseAsync(db =>
        db.Grants.ExecuteUpdateAsync(set => set.SetProperty(g => g.BudgetMicros, micros)));

    public Task SetCapAsync(AccountKind kind, Guid id, long micros, BudgetPeriod period = BudgetPeriod.Total) => WithDatabaseAsync(db =>
    {
        db.SpendCaps.Add(new SpendCap { Kind = kind, OwnerId = id, Period = period, SetBy = CapSetter.Owner, Micros = micros, At = Clock.GetUtcNow().UtcDateTime });
        return db.SaveChangesAsync();
    });

    public Task<Spend> RowAsync(AccountKind kind, Guid id, int period) => WithDatabaseAsync(async db =>
        await db.Spend.AsNoTracking().FirstOrDefaultAsync(s => s.Kind == kind && s.OwnerId == id && s.Period == period) ?? new Spend());

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _keepsItOpen.DisposeAsync();
        await (_data?.DisposeAsync() ?? default);
        Directory.Delete(_directory, recursive: true);
    }

    private ServiceProvider Provide(string machine = "") => new ServiceCollection()
        .AddLogging(logging => logging.AddProvider(Log).AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning))
        .AddIdentityOptions()
        .Also(services => _ = _data is null
            ? services.AddDbContext<BrokerDbContext>(options => options.UseSqlite(Connection))
            : services.AddDbContext<BrokerDbContext, PostgreSqlBrokerDbContext>(options => options.UseData(_data)))
        .AddSingleton<IOptions<StorageOptions>>(Options.Create(new StorageOptions { DataDirectory = Path.Combine(_directory, machine) }))
        .AddSingleton<TimeProvider>(Clock)
        .AddSingleton<GrantChanges>()
        .AddScoped<AuditLog>()
        .AddScoped<CreditJournal>()
        .AddScoped<VerifyCredit>()
        .AddBudgets()
        .BuildServiceProvider();
}

/// <summary>One node: its ledger, and what its keeper would do.</summary>
internal sealed class LedgerNode(ServiceProvider services, LedgerWorld world)
{
    private readonly BudgetLine _line = new(
        new LineAccount(new(AccountKind.Grant, world.GrantId), null),
        new LineAccount(new(AccountKind.User, world.UserId)));

    public BudgetLedger Ledger => services.GetRequiredService<BudgetLedger>();

    public LeaseUpkeep Leases => services.GetRequiredService<LeaseUpkeep>();

    public BudgetCuts Cuts => services.GetRequiredService<BudgetCuts>();

    public Guid Id => services.GetRequiredService<BudgetNode>().Id;

    public Reconcile Reconcile => services.GetRequiredService<Reconcile>();

    public GrantChanges Changes => services.GetRequiredService<GrantChanges>();

    public BudgetLine Line(Budget budget) => new(new LineAccount(new(AccountKind.Grant, world.GrantId), budget), _line.Accounts[1]);

    /// <summary>A line that the user's credit with a sponsor pays for.</summary>
    public async Task<BudgetLine> CreditLineAsync(Guid sponsorId)
    {
        var account = CreditAccount.IdOf(sponsorId, world.UserId);
        var limit = await services.GetRequiredService<CreditLimits>().OfAsync(account, CancellationToken.None);
        return new(new LineAccount(new(AccountKind.Credit, account), Credit: limit), _line.Accounts[1]);
    }

    public async Task<CreditOutcome> PostAsync(CreditOrder order)
    {
        await using var scope = services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<CreditJournal>().RunAsync(order, CancellationToken.None);
    }

    public async Task<CreditReport> VerifyCreditAsync()
    {
        await using var scope = services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<VerifyCredit>().RunAsync(CancellationToken.None);
    }

    public ValueTask<BudgetReservation?> ReserveAsync(BudgetLine line, long micros) => Ledger.TryReserveAsync(line, micros, CancellationToken.None);

    public void End(BudgetReservation call, long cost)
    {
        var settled = call.Settle(cost);
        services.GetRequiredService<UsageLog>().Add(new UsageEntry(
            new Usage { Id = Guid.CreateVersion7(), GrantId = world.GrantId, At = world.Clock.GetUtcNow().UtcDateTime, Operation = "chat", CostMicros = settled }, call, Guid.Empty));
    }

    public Task<bool> FlushAsync() => services.GetRequiredService<UsageLog>().StoreAsync();

    public async Task TurnAsync(int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            await Leases.TurnAsync();
        }
    }

    /// <summary>All that the keeper does in five seconds.</summary>
    public async Task KeepAsync()
    {
        await FlushAsync();
        await Leases.SeenAsync();
        await Leases.RecheckAllAsync();
        await TurnAsync();
    }

    /// <summary>Ends it as the kernel does: the file stays, nothing else.</summary>
    public void Kill() => services.GetRequiredService<BudgetNode>().Abandon();

    public async Task StopAsync()
    {
        await FlushAsync();
        await services.GetRequiredService<BudgetNode>().EndAsync(await Leases.GiveAllBackAsync());
    }
}
