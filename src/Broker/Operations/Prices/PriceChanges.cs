using TokenBroker.Upstreams;

namespace TokenBroker.Operations.Prices;

/// <summary>How one list differs from the one before it, by the models' own names.</summary>
internal sealed record PriceChanges(IReadOnlyList<string> Added, IReadOnlyList<string> Changed, IReadOnlyList<string> Removed)
{
    public static PriceChanges Between(PriceList? before, PriceList after)
    {
        var old = ById(before);
        var now = ById(after);
        return new PriceChanges(
            [.. now.Keys.Where(id => !old.ContainsKey(id)).Order(StringComparer.Ordinal)],
            [.. now.Where(one => old.TryGetValue(one.Key, out var was) && !was.Rates.SequenceEqual(one.Value.Rates)).Select(one => one.Key).Order(StringComparer.Ordinal)],
            [.. old.Keys.Where(id => !now.ContainsKey(id)).Order(StringComparer.Ordinal)]);
    }

    private static Dictionary<string, PricedModel> ById(PriceList? list) =>
        (list?.Models ?? []).DistinctBy(model => model.Id).ToDictionary(model => model.Id, StringComparer.Ordinal);
}
