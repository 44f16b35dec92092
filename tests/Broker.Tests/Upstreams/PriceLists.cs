using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Upstreams;

internal static class PriceLists
{
    /// <summary>A list that comes with the program.</summary>
    public static PriceList Embedded(string id)
    {
        using var stream = typeof(PriceList).Assembly.GetManifestResourceStream($"TokenBroker.Upstreams.Prices.{id}.json")!;
        return PriceListFile.Read(stream);
    }

    public static PriceList Of(string json)
    {
        using var document = JsonDocument.Parse(json);
        return PriceListFile.Read(document.RootElement);
    }
}
