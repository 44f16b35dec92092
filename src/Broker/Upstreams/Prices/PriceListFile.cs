using System.Text.Json;

namespace TokenBroker.Upstreams;

/// <summary>
/// Reads price lists of the shape of the embedded ones: <c>usd_per_million</c> tokens, characters or seconds and
/// <c>usd_per_thousand</c> searches or requests, for each model from its beginning, and <c>later</c> from a day on. What
/// service tiers cost stands in <c>service_tiers</c>, in percent of these, for the list and where a model has others;
/// <c>caches_in_batches</c> says that the share of batches holds for <c>cache_read</c> as well.
/// </summary>
internal static class PriceListFile
{
    /// <exception cref="JsonException">The list is not of that shape; the message says where.</exception>
    public static PriceList Read(Stream json, PriceList? before = null)
    {
        using var document = JsonDocument.Parse(json);
        return Read(document.RootElement, before);
    }

    /// <param name="list">The list.</param>
    /// <param name="before">The list whose place it takes: what that says of service tiers and batches holds where this one says nothing.</param>
    /// <exception cref="JsonException">The list is not of that shape; the message says where.</exception>
    public static PriceList Read(JsonElement list, PriceList? before = null)
    {
        try
        {
            var tiers = ReadTiers(list) ?? before?.Tiers ?? ServiceTiers.None;
            var models = list.GetProperty("models").EnumerateArray().Select(model => ReadModel(model, tiers, before)).ToList();
            return new PriceList(
                list.GetProperty("upstream").GetString() ?? "",
                list.GetProperty("as_of").GetString() ?? "",
                list.TryGetProperty("source", out var source) ? source.GetString() ?? "" : "",
                models)
            {
                Tiers = tiers,
            };
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new JsonException($"The price list is not of the expected shape: {exception.Message}", exception);
        }
    }

    private static PricedModel ReadModel(JsonElement model, ServiceTiers tiers, PriceList? before)
    {
        var id = model.GetProperty("id").GetString() ?? throw new JsonException("A model has no id.");
        var rates = new List<(DateOnly, Rates)> { (DateOnly.MinValue, ReadRates(model, id)) };
        if (model.TryGetProperty("later", out var later))
        {
            rates.AddRange(later.EnumerateArray().Select(one => (
                DateOnly.ParseExact(one.GetProperty("from").GetString() ?? "", "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
                ReadRates(one, id))));
        }

        var earlier = before?.Models.FirstOrDefault(one => one.Id == id);
        return new PricedModel(
            id,
            model.TryGetProperty("context_window", out var window) ? window.GetInt64() : null,
            model.TryGetProperty("max_output", out var most) ? most.GetInt64() : null,
            MatchClauses.Read(model.GetProperty("match"), id),
            [.. rates.OrderBy(rate => rate.Item1)])
        {
            Tiers = ReadTiers(model) ?? earlier?.Tiers ?? tiers,
            CachesInBatches = model.TryGetProperty("caches_in_batches", out var caches) ? caches.GetBoolean() : earlier?.CachesInBatches ?? false,
        };
    }

    private static ServiceTiers? ReadTiers(JsonElement parent) => !parent.TryGetProperty("service_tiers", out var tiers) ? null
        : new ServiceTiers(tiers.EnumerateObject().Select(tier => KeyValuePair.Create(tier.Name, ShareOf(tier.Value))));

    private static int ShareOf(JsonElement percent) => percent.GetDecimal() * 1_000 is var share && share is >= 0 and <= ServiceTiers.Most
        ? (int)decimal.Ceiling(share)
        : throw new JsonException($"A service tier is not from 0 to 10,000 percent: {percent.GetRawText()}.");

    private static Rates ReadRates(JsonElement parent, string id)
    {
        var million = parent.GetProperty("usd_per_million");
        var thousand = parent.TryGetProperty("usd_per_thousand", out var each) ? each : default;
        foreach (var unit in million.EnumerateObject().Where(unit => !Units.Contains(unit.Name)))
        {
            throw new JsonException($"'{id}' has a price by an unknown unit: '{unit.Name}'.");
        }

        return new Rates
        {
            Input = ReadRate(million, "input", 1),
            CachedInput = ReadRate(million, "cache_read", 1),
            CachedAudioInput = ReadRate(million, "cache_audio_read", 1),
            CacheWrite = ReadRate(million, "cache_write", 1),
            CacheWriteLong = ReadRate(million, "cache_write_1h", 1),
            AudioInput = ReadRate(million, "input_audio", 1),
            ImageInput = ReadRate(million, "input_image", 1),
            Output = ReadRate(million, "output", 1),
            AudioOutput = ReadRate(million, "output_audio", 1),
            ImageOutput = ReadRate(million, "output_image", 1),
            Characters = ReadRate(million, "characters", 1),
            AudioSeconds = ReadRate(million, "audio_seconds", 1),
            WebSearches = ReadRate(thousand, "web_searches", 1000),
            Requests = ReadRate(thousand, "requests", 1000),
        };
    }

    private static readonly HashSet<string> Units =
    [
        "input", "cache_read", "cache_audio_read", "cache_write", "cache_write_1h", "input_audio", "input_image", "output", "output_audio", "output_image",
        "characters", "audio_seconds",
    ];

    private static Rate? ReadRate(JsonElement rates, string name, int times)
    {
        if (rates.ValueKind == JsonValueKind.Undefined || !rates.TryGetProperty(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            return new Rate(Micros(value, times), []);
        }

        var tiers = value.GetProperty("tiers").EnumerateArray()
            .Select(tier => (tier.GetProperty("start").GetInt64(), Micros(tier.GetProperty("price"), times)))
            .OrderBy(tier => tier.Item1)
            .ToList();
        return new Rate(Micros(value.GetProperty("base"), times), tiers);
    }

    // Dollars for a million units are micro-dollars for one unit: a million times that is micro-dollars for a million.
    private static long Micros(JsonElement dollars, int times)
    {
        var amount = dollars.GetDecimal();
        return amount is >= 0 and <= 1_000_000
            ? (long)decimal.Ceiling(amount * 1_000_000m * times)
            : throw new JsonException($"A price is not from 0 to a million dollars: {amount}.");
    }
}
