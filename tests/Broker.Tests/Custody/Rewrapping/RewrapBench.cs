using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Custody;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Rewrapping;

/// <summary>Custody on a database of its own, without a broker around it: keys whose secret is told by their number.</summary>
internal sealed class RewrapBench : IAsyncDisposable
{
    private readonly Secret _recordKey = Secret.Random(32);
    private readonly List<Guid> _ids = [];
    private ServiceProvider _services = null!;

    private RewrapBench()
    {
    }

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    public HookedVault Hooks { get; private set; } = null!;

    public string Before { get; private set; } = null!;

    public IReadOnlyList<Guid> Ids => _ids;

    public Vault Vault => _services.GetRequiredService<Vault>();

    public Envelopes Envelopes => _services.GetRequiredService<Envelopes>();

    public KekInventory Inventory => _services.GetRequiredService<KekInventory>();

    /// <summary>So many keys under one version, and another that is current.</summary>
    public static async Task<RewrapBench> RotatedAsync(int keys, TimeProvider? time = null)
    {
        var bench = await MakeAsync(keys, time);
        await bench.Hooks.RotateAsync(CancellationToken.None);
        bench.Vault.Forget();
        return bench;
    }

    public static async Task<RewrapBench> MakeAsync(int keys, TimeProvider? time = null)
    {
        var bench = new RewrapBench();
        bench.Hooks = new HookedVault(LocalFileVault.LoadOrCreate(Path.Combine(bench.Directory, "vault.key")));
        bench.Use([bench.Hooks], time);
        await bench.WithAsync(async db =>
        {
            await db.Database.EnsureCreatedAsync();
            for (var i = 0; i < keys; i++)
            {
                bench._ids.Add(Guid.CreateVersion7());
                db.UpstreamKeys.Add(await bench.SealedAsync(bench._ids[i], $"sk-{i}", 1));
            }

            return await db.SaveChangesAsync();
        });
        bench.Before = await bench.Vault.CurrentKeyIdAsync(CancellationToken.None);
        return bench;
    }

    /// <summary>The same database with other vaults.</summary>
    public void Use(IReadOnlyList<IKeyVault> vaults, TimeProvider? time = null) => _services = new ServiceCollection()
        .AddDbContext<BrokerDbContext>(o => o.UseSqlite(BareDatabase.ConnectionString(Directory)))
        .AddIdentityOptions()
        .AddSingleton(time ?? TimeProvider.System)
        .AddSingleton(new Vault(vaults, TimeSpan.FromSeconds(10), time ?? TimeProvider.System))
        .AddSingleton(services => new Envelopes(services.GetRequiredService<Vault>(), _ => ValueTask.FromResult(_recordKey)))
        .Also(services => services.AddRewrapping())
        .BuildServiceProvider();

    public Task<RewrapReport> RewrapAsync(Action<RewrapProgress>? tell = null) =>
        _services.GetRequiredService<Rewrap>().RunAsync(tell ?? (_ => { }), CancellationToken.None);

    public async Task<T> WithAsync<T>(Func<BrokerDbContext, Task<T>> work)
    {
        await using var scope = _services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<BrokerDbContext>());
    }

    public async Task<UpstreamKey> SealedAsync(Guid id, string text, int generation)
    {
        var userId = Guid.NewGuid();
        using var secret = Secret.FromText(text);
        var envelope = await Envelopes.SealAsync(secret, UpstreamKeys.BindingOf(userId, id, generation, "openai"), CancellationToken.None);
        return new UpstreamKey
        {
            Id = id,
            UserId = userId,
            UpstreamId = "openai",
            Label = "Mine",
            LastFour = "",
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            Generation = generation,
            CreatedAt = DateTime.UnixEpoch,
        };
    }

    /// <summary>What each key opens to, in the order of their numbers; null for one that is not there.</summary>
    public async Task<List<string?>> TextsAsync()
    {
        var rows = await WithAsync(db => db.UpstreamKeys.AsNoTracking().ToDictionaryAsync(k => k.Id));
        var texts = new List<string?>();
        foreach (var id in _ids)
        {
            texts.Add(rows.TryGetValue(id, out var row) ? await TextOfAsync(row) : null);
        }

        return texts;
    }

    public Task<long> LeftAsync() => WithAsync(async db =>
        (await Inventory.CountAsync(db, CancellationToken.None)).Where(use => use.KekId == Before).Sum(use => use.Records));

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        SqliteConnection.ClearAllPools();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private async Task<string> TextOfAsync(UpstreamKey row)
    {
        using var secret = await Envelopes.OpenAsync(row.Envelope, UpstreamKeys.BindingOf(row.UserId, row.Id, row.Generation, row.UpstreamId), CancellationToken.None);
        return secret.RevealText();
    }
}

internal static class ServiceCollections
{
    public static IServiceCollection Also(this IServiceCollection services, Action<IServiceCollection> more)
    {
        more(services);
        return services;
    }
}
