using System.Globalization;
using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Operations.Prices;

/// <summary><c>prices list</c>.</summary>
internal static class ListPrices
{
    public static Task<int> RunAsync(IServiceProvider services, string? model, bool json, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var book = services.GetRequiredService<PriceBook>();
        return Task.FromResult(model is null ? All(book, json) : One(book, services.GetRequiredService<Catalogue>(), model, json));
    }

    private static int All(PriceBook book, bool json)
    {
        var lists = book.All.Values.OrderBy(list => list.Id, StringComparer.Ordinal).ToList();
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new
            {
                lists = lists.Select(list => new
                {
                    id = list.Id,
                    as_of = list.AsOf,
                    source = list.Source,
                    imported = book.OwnOf(list.Id) != list,
                    models = list.Models.Select(m => m.Id),
                }),
            })
            : string.Join(Environment.NewLine, lists.Select(list =>
                $"{list.Id}  {list.Models.Count} models as of {list.AsOf}  {(book.OwnOf(list.Id) != list ? "imported" : "embedded or configured")}: {list.Source}")));
        return 0;
    }

    private static int One(PriceBook book, Catalogue catalogue, string model, bool json)
    {
        var prices = catalogue.All
            .Select(upstream => (upstream.Id, Price: book.Find(upstream.PriceListId, model)))
            .Where(one => one.Price is not null)
            .OrderBy(one => one.Id, StringComparer.Ordinal)
            .ToList();
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new
            {
                model,
                prices = prices.Select(one => new
                {
                    upstream = one.Id,
                    charged_as = one.Price!.Id,
                    ceiling = one.Price.IsCeiling,
                    usd_per_million = RatesOf(one.Price).ToDictionary(rate => rate.Unit, rate => rate.Dollars),
                }),
            })
            : prices.Count == 0
                ? $"No list has a price for '{model}': calls to it are refused."
                : string.Join(Environment.NewLine, prices.SelectMany(one => RatesOf(one.Price!)
                    .Select(rate => string.Create(CultureInfo.InvariantCulture, $"  {rate.Unit,-20} {rate.Dollars} USD for a million"))
                    .Prepend($"{one.Id}: '{model}' is charged as {one.Price!.Id}"))));
        return prices.Count == 0 ? 1 : 0;
    }

    private static IEnumerable<(string Unit, decimal Dollars)> RatesOf(ModelPrice price)
    {
        (string Unit, Rate? Rate)[] rates =
        [
            ("input", price.Rates.Input), ("cache_read", price.Rates.CachedInput), ("cache_audio_read", price.Rates.CachedAudioInput),
            ("cache_write", price.Rates.CacheWrite), ("cache_write_1h", price.Rates.CacheWriteLong), ("input_audio", price.Rates.AudioInput),
            ("input_image", price.Rates.ImageInput), ("output", price.Rates.Output), ("output_audio", price.Rates.AudioOutput),
            ("output_image", price.Rates.ImageOutput), ("characters", price.Rates.Characters), ("audio_seconds", price.Rates.AudioSeconds),
            ("web_searches", price.Rates.WebSearches), ("requests", price.Rates.Requests),
        ];
        foreach (var (unit, rate) in rates.Where(one => one.Rate is not null))
        {
            yield return (unit, rate!.Base / 1_000_000m);
            foreach (var (from, micros) in rate.Tiers)
            {
                yield return (string.Create(CultureInfo.InvariantCulture, $"{unit} from {from} in"), micros / 1_000_000m);
            }
        }
    }
}
