using System.Collections.Frozen;
using System.Text.Json;

namespace TokenBroker.Upstreams;

/// <summary>
/// Model prices, as data with a date: integers of micro-dollars for a million units, converted once from the
/// list's decimal dollars. A model that the list does not know has no price, and is not called.
/// </summary>
internal sealed class PriceTable
{
    private readonly FrozenDictionary<string, ModelPrice> _exact;
    private readonly (string Prefix, ModelPrice Price)[] _prefixes;
    private readonly (string Part, ModelPrice Price)[] _parts;

    private PriceTable(
        Dictionary<string, ModelPrice> exact, List<(string Prefix, ModelPrice Price)> prefixes, List<(string Part, ModelPrice Price)> parts, string asOf)
    {
        _exact = exact.ToFrozenDictionary(StringComparer.Ordinal);
        _prefixes = [.. prefixes.OrderByDescending(p => p.Prefix.Length)];
        _parts = [.. parts];
        AsOf = asOf;
    }

    /// <summary>The date of the list, as <c>yyyy-MM-dd</c>.</summary>
    public string AsOf { get; }

    /// <summary>An exact name first, then the longest prefix, then a part of the name.</summary>
    public ModelPrice? Find(string model)
    {
        if (_exact.TryGetValue(model, out var price))
        {
            return price;
        }

        foreach (var (prefix, byPrefix) in _prefixes)
        {
            if (model.StartsWith(prefix, StringComparison.Ordinal))
            {
                return byPrefix;
            }
        }

        foreach (var (part, byPart) in _parts)
        {
            if (model.Contains(part, StringComparison.Ordinal))
            {
                return byPart;
            }
        }

        return null;
    }

    /// <exception cref="JsonException">The list is not of the shape that openai-prices.json shows.</exception>
    public static PriceTable Read(Stream json)
    {
        using var document = JsonDocument.Parse(json);
        var exact = new Dictionary<string, ModelPrice>(StringComparer.Ordinal);
        var prefixes = new List<(string, ModelPrice)>();
        var parts = new List<(string, ModelPrice)>();
        foreach (var model in document.RootElement.GetProperty("models").EnumerateArray())
        {
            var price = ReadPrice(model);
            foreach (var rule in model.GetProperty("match").EnumerateArray().SelectMany(rule => rule.EnumerateObject()))
            {
                var text = rule.Value.GetString() ?? throw new JsonException($"A match of '{price.Id}' is not text.");
                switch (rule.Name)
                {
                    case "equals": exact.TryAdd(text, price); break;
                    case "starts_with": prefixes.Add((text, price)); break;
                    case "contains": parts.Add((text, price)); break;
                    default: throw new JsonException($"'{price.Id}' has a match of an unknown kind: '{rule.Name}'.");
                }
            }
        }

        return new PriceTable(exact, prefixes, parts, document.RootElement.GetProperty("as_of").GetString() ?? "");
    }

    private static ModelPrice ReadPrice(JsonElement model)
    {
        var rates = model.GetProperty("usd_per_million");
        return new ModelPrice
        {
            Id = model.GetProperty("id").GetString() ?? "",
            ContextWindow = model.TryGetProperty("context_window", out var window) ? window.GetInt64() : null,
            MaxOutput = model.TryGetProperty("max_output", out var most) ? most.GetInt64() : null,
            Input = ReadRate(rates, "input"),
            CachedInput = ReadRate(rates, "cache_read"),
            CachedAudioInput = ReadRate(rates, "cache_audio_read"),
            AudioInput = ReadRate(rates, "input_audio"),
            ImageInput = ReadRate(rates, "input_image"),
            Output = ReadRate(rates, "output"),
            AudioOutput = ReadRate(rates, "output_audio"),
            ImageOutput = ReadRate(rates, "output_image"),
            Characters = ReadRate(rates, "characters"),
            AudioSeconds = ReadRate(rates, "audio_seconds"),
        };
    }

    private static Rate? ReadRate(JsonElement rates, string name)
    {
        if (!rates.TryGetProperty(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            return new Rate(Micros(value), []);
        }

        var tiers = value.GetProperty("tiers").EnumerateArray()
            .Select(tier => (tier.GetProperty("start").GetInt64(), Micros(tier.GetProperty("price"))))
            .OrderBy(tier => tier.Item1)
            .ToList();
        return new Rate(Micros(value.GetProperty("base")), tiers);
    }

    // Dollars for a million units are micro-dollars for one unit: a million times that is micro-dollars for a million.
    private static long Micros(JsonElement dollars) => (long)decimal.Ceiling(dollars.GetDecimal() * 1_000_000m);
}
