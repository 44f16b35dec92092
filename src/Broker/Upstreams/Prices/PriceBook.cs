using System.Collections.Frozen;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Upstreams;

/// <summary>
/// The price lists that calls are charged by: those that were imported, before the configured file, before the embedded
/// ones. They are in memory; an import is noticed within seconds by every broker that runs. A model that no list knows is
/// refused, or charged at the ceiling that the operator named; never at nothing.
/// </summary>
internal sealed class PriceBook
{
    private static readonly string[] EmbeddedIds = ["openai", "anthropic"];
    private readonly FrozenDictionary<string, PriceList> _own;
    private readonly ModelPrice? _ceiling;
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private volatile Lists _lists;

    /// <exception cref="System.Text.Json.JsonException">The configured file is not of the expected shape.</exception>
    public PriceBook(IOptions<PriceOptions> options, IServiceScopeFactory scopes, TimeProvider time)
    {
        (_scopes, _time) = (scopes, time);
        _own = ReadOwn(options.Value.File);
        _ceiling = CeilingOf(options.Value);
        _lists = new Lists(_own, []);
    }

    /// <summary>Every list in use, by its id.</summary>
    public IReadOnlyDictionary<string, PriceList> All => _lists.ById;

    /// <returns>Null where the model has no price: it may not be called.</returns>
    public ModelPrice? Find(string listId, string model) =>
        (_lists.ById.TryGetValue(listId, out var list) ? list.Find(model, DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime)) : null) ?? _ceiling;

    /// <summary>Takes up what was imported, or taken back, since the last turn. Keeps what it has where that cannot be read.</summary>
    /// <exception cref="System.Text.Json.JsonException">An imported list is not of the expected shape.</exception>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var stamps = await db.ImportedPrices.AsNoTracking().Select(p => new { p.Id, p.ImportedAt }).ToListAsync(cancellationToken);
        var now = stamps.Select(s => (s.Id, s.ImportedAt)).ToHashSet();
        if (now.SetEquals(_lists.Imported))
        {
            return;
        }

        var rows = await db.ImportedPrices.AsNoTracking().ToListAsync(cancellationToken);
        var byId = _own.ToDictionary(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            byId[row.Id] = Parse(row.Json, _own.GetValueOrDefault(row.Id));
        }

        _lists = new Lists(byId.ToFrozenDictionary(StringComparer.Ordinal), [.. rows.Select(row => (row.Id, row.ImportedAt))]);
    }

    /// <summary>The list that holds where nothing was imported.</summary>
    public PriceList? OwnOf(string listId) => _own.GetValueOrDefault(listId);

    private static PriceList Parse(string json, PriceList? before)
    {
        using var document = System.Text.Json.JsonDocument.Parse(json);
        return PriceListFile.Read(document.RootElement, before);
    }

    private static FrozenDictionary<string, PriceList> ReadOwn(string? file)
    {
        var lists = EmbeddedIds.Select(Embedded).ToDictionary(list => list.Id, StringComparer.Ordinal);
        if (file is not null)
        {
            using var document = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(file));
            var configured = PriceListFile.Read(document.RootElement);
            lists[configured.Id] = PriceListFile.Read(document.RootElement, lists.GetValueOrDefault(configured.Id));
        }

        return lists.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static PriceList Embedded(string id)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"TokenBroker.Upstreams.Prices.{id}.json")
            ?? throw new InvalidOperationException($"The program lacks its embedded prices of {id}.");
        return PriceListFile.Read(stream);
    }

    private static ModelPrice? CeilingOf(PriceOptions options) => options.UnknownModels != UnknownModels.Ceiling ? null : new ModelPrice
    {
        Id = "ceiling",
        IsCeiling = true,
        Rates = new Rates { Input = RateOf(options.Ceiling.Input), Output = RateOf(options.Ceiling.Output) },
    };

    private static Rate RateOf(decimal dollars) => new((long)decimal.Ceiling(dollars * 1_000_000m), []);

    private sealed record Lists(FrozenDictionary<string, PriceList> ById, HashSet<(string Id, DateTime ImportedAt)> Imported);
}
