using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Upstreams;

/// <summary>A provider's prices as they were found in a file, turned into a list of ours.</summary>
/// <param name="Id">The provider's id in the file.</param>
/// <param name="Models">As our lists have them.</param>
/// <param name="Ignored">Units that calls through this broker are not charged by.</param>
internal sealed record FoundPrices(string Id, JsonArray Models, IReadOnlySet<string> Ignored);

/// <summary>
/// Reads the data files of genai-prices (https://github.com/pydantic/genai-prices, <c>data.json</c> and
/// <c>data_slim.json</c>): a list of providers, each with models, rules for their names, and prices in dollars. Prices from
/// a day on are kept with their day. Prices by the hour of the day become the dearest of the hours, since a call that
/// begins in a cheap one may end in a dear one.
/// </summary>
internal static class GenaiPrices
{
    private static readonly Dictionary<string, string> ByMillion = new(StringComparer.Ordinal)
    {
        ["input_mtok"] = "input",
        ["cache_read_mtok"] = "cache_read",
        ["cache_audio_read_mtok"] = "cache_audio_read",
        ["cache_write_mtok"] = "cache_write",
        ["cache_write_1h_mtok"] = "cache_write_1h",
        ["input_audio_mtok"] = "input_audio",
        ["input_image_mtok"] = "input_image",
        ["output_mtok"] = "output",
        ["output_audio_mtok"] = "output_audio",
        ["output_image_mtok"] = "output_image",
    };

    private static readonly Dictionary<string, string> ByThousand = new(StringComparer.Ordinal)
    {
        ["requests_kcount"] = "requests",
        ["web_searches_kcount"] = "web_searches",
    };

    /// <exception cref="JsonException">The file is not of that shape; the message says where.</exception>
    public static IReadOnlyList<FoundPrices> Read(JsonElement file)
    {
        if (file.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("This is no data file of genai-prices: it must be a list of providers.");
        }

        try
        {
            return [.. file.EnumerateArray().Select(ReadProvider)];
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new JsonException($"This is no data file of genai-prices: {exception.Message}", exception);
        }
    }

    private static FoundPrices ReadProvider(JsonElement provider)
    {
        var ignored = new HashSet<string>(StringComparer.Ordinal);
        var models = new JsonArray();
        foreach (var model in provider.GetProperty("models").EnumerateArray())
        {
            models.Add(ReadModel(model, ignored));
        }

        return new FoundPrices(provider.GetProperty("id").GetString() ?? throw new JsonException("A provider has no id."), models, ignored);
    }

    private static JsonObject ReadModel(JsonElement model, HashSet<string> ignored)
    {
        var made = new JsonObject { ["id"] = model.GetProperty("id").GetString() };
        if (model.TryGetProperty("context_window", out var window) && window.ValueKind == JsonValueKind.Number)
        {
            made["context_window"] = window.GetInt64();
        }

        made["match"] = JsonNode.Parse(model.GetProperty("match").GetRawText());
        var prices = model.GetProperty("prices");
        if (prices.ValueKind == JsonValueKind.Object)
        {
            Put(made, [prices], ignored);
            return made;
        }

        var periods = new SortedDictionary<string, List<JsonElement>>(StringComparer.Ordinal);
        foreach (var one in prices.EnumerateArray())
        {
            var from = one.TryGetProperty("constraint", out var constraint) && constraint.ValueKind == JsonValueKind.Object ? StartOf(constraint) : "";
            (periods.TryGetValue(from, out var same) ? same : periods[from] = []).Add(one.GetProperty("prices"));
        }

        // A model that is only priced from a day on costs that before it as well: it is the price that is known.
        Put(made, periods.First().Value, ignored);
        var later = new JsonArray();
        foreach (var (from, same) in periods.Skip(1))
        {
            var period = new JsonObject { ["from"] = from };
            Put(period, same, ignored);
            later.Add(period);
        }

        if (later.Count > 0)
        {
            made["later"] = later;
        }

        return made;
    }

    /// <summary>The day that a price holds from; empty for one that depends on the hour alone.</summary>
    private static string StartOf(JsonElement constraint) =>
        (constraint.TryGetProperty("start_date", out var start) || constraint.TryGetProperty("start", out start)) && start.GetString() is { Length: >= 10 } text
            ? DateOnly.ParseExact(text[..10], "yyyy-MM-dd", CultureInfo.InvariantCulture).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
            : "";

    /// <summary>Puts the dearest of several prices for the same days, unit by unit.</summary>
    private static void Put(JsonObject into, IReadOnlyList<JsonElement> prices, HashSet<string> ignored)
    {
        var million = new JsonObject();
        var thousand = new JsonObject();
        foreach (var price in prices.SelectMany(one => one.EnumerateObject()).Where(price => price.Value.ValueKind != JsonValueKind.Null))
        {
            var (group, name) = ByMillion.TryGetValue(price.Name, out var unit) ? (million, unit)
                : ByThousand.TryGetValue(price.Name, out unit) ? (thousand, unit)
                : (null, null);
            if (group is null)
            {
                ignored.Add(price.Name);
            }
            else if (group[name!] is not { } other || MostOf(price.Value) > MostOf(JsonSerializer.SerializeToElement(other)))
            {
                group[name!] = JsonNode.Parse(price.Value.GetRawText());
            }
        }

        into["usd_per_million"] = million;
        if (thousand.Count > 0)
        {
            into["usd_per_thousand"] = thousand;
        }
    }

    private static decimal MostOf(JsonElement price) => price.ValueKind == JsonValueKind.Number
        ? price.GetDecimal()
        : price.GetProperty("tiers").EnumerateArray().Select(tier => tier.GetProperty("price").GetDecimal()).Append(price.GetProperty("base").GetDecimal()).Max();
}
