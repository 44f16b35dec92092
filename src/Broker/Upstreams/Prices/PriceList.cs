using System.Collections.Concurrent;
using System.Collections.Frozen;

namespace TokenBroker.Upstreams;

/// <summary>One entry of a price list: a model, what it is called, and its rates from each day on.</summary>
/// <param name="Id">The model's own name.</param>
/// <param name="ContextWindow">In tokens; null where the list does not say.</param>
/// <param name="MaxOutput">The most tokens of one answer; null where the list does not say.</param>
/// <param name="Match">The names that it is for.</param>
/// <param name="Rates">What it costs, by the day from which; the first holds from ever.</param>
internal sealed record PricedModel(string Id, long? ContextWindow, long? MaxOutput, ModelMatch Match, IReadOnlyList<(DateOnly From, Rates Rates)> Rates)
{
    /// <summary>What service tiers make of the rates, on every day.</summary>
    public ServiceTiers Tiers { get; init; } = ServiceTiers.None;

    /// <inheritdoc cref="ModelPrice.CachesInBatches"/>
    public bool CachesInBatches { get; init; }

    public ModelPrice On(DateOnly day)
    {
        var (_, rates) = Rates[0];
        foreach (var (from, later) in Rates)
        {
            rates = from <= day ? later : rates;
        }

        return new ModelPrice { Id = Id, ContextWindow = ContextWindow, MaxOutput = MaxOutput, Rates = rates, Tiers = Tiers, CachesInBatches = CachesInBatches };
    }
}

/// <summary>
/// The prices of one provider's models, as data with a date: integers of micro-dollars for a million units, converted
/// once from the list's decimal dollars. An exact name counts before the longest beginning, and that before any other rule.
/// </summary>
internal sealed class PriceList
{
    /// <summary>Names come from apps: as many as are kept, so that they cannot fill the memory.</summary>
    private const int MostRemembered = 4_096;

    private readonly FrozenDictionary<string, PricedModel> _exact;
    private readonly (string Text, PricedModel Model)[] _beginnings;
    private readonly (ModelMatch Rule, PricedModel Model)[] _others;
    private readonly ConcurrentDictionary<(string Model, DateOnly Day), ModelPrice?> _found = new();

    public PriceList(string id, string asOf, string source, IReadOnlyList<PricedModel> models)
    {
        (Id, AsOf, Source, Models) = (id, asOf, source, models);
        var rules = models.SelectMany(model => Alternatives(model.Match).Select(rule => (Rule: rule, Model: model))).ToList();
        _exact = rules.Where(r => r.Rule is ModelMatch.Exactly).DistinctBy(r => ((ModelMatch.Exactly)r.Rule).Text)
            .ToFrozenDictionary(r => ((ModelMatch.Exactly)r.Rule).Text, r => r.Model, StringComparer.Ordinal);
        _beginnings = [.. rules.Where(r => r.Rule is ModelMatch.Beginning).Select(r => (((ModelMatch.Beginning)r.Rule).Text, r.Model)).OrderByDescending(r => r.Text.Length)];
        _others = [.. rules.Where(r => r.Rule is not (ModelMatch.Exactly or ModelMatch.Beginning))];
    }

    /// <summary>Such as <c>openai</c>: upstreams name the list that they are charged by.</summary>
    public string Id { get; }

    /// <summary>The date of the list, as <c>yyyy-MM-dd</c>.</summary>
    public string AsOf { get; }

    public string Source { get; }

    public IReadOnlyList<PricedModel> Models { get; }

    /// <summary>For models that the list says nothing else of.</summary>
    public ServiceTiers Tiers { get; init; } = ServiceTiers.None;

    /// <returns>Null where the list does not know the model.</returns>
    public ModelPrice? Find(string model, DateOnly day)
    {
        if (_found.TryGetValue((model, day), out var price))
        {
            return price;
        }

        price = Search(model)?.On(day);
        if (_found.Count < MostRemembered)
        {
            _found.TryAdd((model, day), price);
        }

        return price;
    }

    private PricedModel? Search(string model)
    {
        if (_exact.TryGetValue(model, out var exact))
        {
            return exact;
        }

        foreach (var (beginning, priced) in _beginnings)
        {
            if (model.StartsWith(beginning, StringComparison.Ordinal))
            {
                return priced;
            }
        }

        foreach (var (rule, priced) in _others)
        {
            if (rule.Matches(model))
            {
                return priced;
            }
        }

        return null;
    }

    private static IEnumerable<ModelMatch> Alternatives(ModelMatch match) => match is ModelMatch.Either either ? either.Parts.SelectMany(Alternatives) : [match];
}
