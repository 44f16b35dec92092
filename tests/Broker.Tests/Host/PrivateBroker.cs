using System.Text.Json.Nodes;

namespace TokenBroker.Tests.Host;

/// <summary>
/// A broker for the tests of one class, which run one after another: the upstream's count of arrivals is theirs alone.
/// The price list has one model more, so that every operation has a model with a price.
/// </summary>
public sealed class PrivateBroker : IAsyncLifetime
{
    private readonly Lazy<Task<Connected>> _somebody;
    private string _prices = "";

    public PrivateBroker() => _somebody = new(() => Connected.AsAsync(Host));

    public BrokerHost Host { get; private set; } = null!;

    /// <summary>Somebody who allowed everything, for the tests that leave things as they are.</summary>
    public Task<Connected> SomebodyAsync() => _somebody.Value;

    public async ValueTask InitializeAsync()
    {
        _prices = await PricesWithAsync("""{"id":"dall-e-2","match":[{"equals":"dall-e-2"}],"usd_per_million":{"input":1,"output_image":2.5}}""");

        // What a test counts at the provider are its own calls, however long the class takes.
        Host = await BrokerHost.StartAsync(new() { ["Prices:File"] = _prices, ["Gateway:JobPoll"] = "00:10:00" });
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        File.Delete(_prices);
    }

    private static async Task<string> PricesWithAsync(string model)
    {
        await using var embedded = typeof(BrokerApplication).Assembly.GetManifestResourceStream("TokenBroker.Upstreams.Prices.openai.json")!;
        var prices = (await JsonNode.ParseAsync(embedded))!;
        prices["models"]!.AsArray().Add(JsonNode.Parse(model));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, prices.ToJsonString());
        return file;
    }
}
