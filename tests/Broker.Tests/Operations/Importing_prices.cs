using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary><c>prices list</c>, <c>import</c> and <c>reset</c>, as an operator runs them beside a broker that serves.</summary>
public sealed class Importing_prices : IDisposable
{
    private const string Data =
        """
        [{"id":"openai","name":"OpenAI","api_pattern":"https://api\\.openai\\.com","models":[
            {"id":"gpt-4o-mini","match":{"or":[{"equals":"gpt-4o-mini"}]},"context_window":128000,"prices":{"input_mtok":1000,"cache_read_mtok":1,"output_mtok":2000,"output_video_mtok":3}},
            {"id":"gpt-new","match":{"starts_with":"gpt-new"},"prices":[
                {"prices":{"input_mtok":1,"output_mtok":2}},
                {"constraint":{"start_date":"2020-01-01"},"prices":{"input_mtok":3,"output_mtok":6}},
                {"constraint":{"start_date":"2999-01-01"},"prices":{"input_mtok":9,"output_mtok":9}}]},
            {"id":"gpt-night","match":{"equals":"gpt-night"},"prices":[
                {"constraint":{"start_time":"00:30:00Z","end_time":"16:30:00Z"},"prices":{"input_mtok":4,"output_mtok":8}},
                {"constraint":{"start_time":"16:30:00Z","end_time":"00:30:00Z"},"prices":{"input_mtok":2,"output_mtok":4}}]}]},
         {"id":"elsewhere","name":"Elsewhere","api_pattern":"x","models":[]}]
        """;

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task Changes_what_the_next_call_costs_and_what_may_be_called()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RecheckInterval"] = "00:00:00.100" });
        using var connected = await Connected.AsAsync(broker, budget: "100");
        await File.WriteAllTextAsync(_file, Data);
        await connected.Api.ChatAsync("Hello");
        var before = (await connected.UsageAsync())[^1];

        var imported = (await JsonOfAsync(broker, 0, "prices", "import", _file, "--as-of", "2026-11-01", "--json")).GetProperty("lists")[0];

        imported.GetProperty("changed").EnumerateArray().Select(e => e.GetString()).Should().Equal("gpt-4o-mini");
        imported.GetProperty("added").EnumerateArray().Select(e => e.GetString()).Should().Equal("gpt-new", "gpt-night");
        imported.GetProperty("removed").EnumerateArray().Select(e => e.GetString()).Should().Contain("gpt-4o");
        imported.GetProperty("ignored_units").EnumerateArray().Select(e => e.GetString()).Should().Equal("output_video_mtok");
        await Eventually.IsAsync(async () => (await connected.Api.ChatAsync("Hello", model: "gpt-4o")).StatusCode, status => status == HttpStatusCode.Forbidden);
        await connected.Api.ChatAsync("Hello");
        var after = (await Eventually.IsAsync(async () => (await connected.UsageAsync()).Where(u => u.Model == "gpt-4o-mini").ToList(), rows => rows.Count == 2))[^1];
        after.CostMicros.Should().Be((after.InputTokens * 1000) + (after.OutputTokens * 2000)).And.BeGreaterThan(before.CostMicros);
        var rates = (await JsonOfAsync(broker, 0, "prices", "list", "--model", "gpt-new-2", "--json")).GetProperty("prices")[0].GetProperty("usd_per_million");
        rates.GetProperty("input").GetDecimal().Should().Be(3, "that holds since 2020, and what begins in 2999 does not hold yet");
        var night = (await JsonOfAsync(broker, 0, "prices", "list", "--model", "gpt-night", "--json")).GetProperty("prices")[0].GetProperty("usd_per_million");
        night.GetProperty("output").GetDecimal().Should().Be(8, "a call that begins in a cheap hour may end in a dear one");
        (await broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Action == "prices.imported").ToListAsync()))
            .Should().ContainSingle().Which.Target.Should().Be("prices:openai");

        await JsonOfAsync(broker, 0, "prices", "reset", "openai", "--json");
        await Eventually.IsAsync(async () => (await connected.Api.ChatAsync("Hello", model: "gpt-4o")).StatusCode, status => status == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Shows_a_dry_run_and_changes_nothing()
    {
        await using var broker = await BrokerHost.StartAsync();
        await File.WriteAllTextAsync(_file, Data);

        using var run = await RunAsync(broker, "prices", "import", _file, "--dry-run");

        run.ExitCode.Should().Be(0, run.Error);
        run.Output.Should().Contain("openai: 3 models").And.Contain("another price: gpt-4o-mini").And.Contain("gone, and refused").And.Contain("Nothing was changed");
        (await broker.WithDatabaseAsync(db => db.ImportedPrices.CountAsync())).Should().Be(0);
    }

    [Theory]
    [InlineData("{", "No prices were imported")]
    [InlineData("[]", "has no provider 'openai'")]
    [InlineData("""[{"id":"openai","models":[{"id":"m","match":{"soundslike":"m"},"prices":{}}]}]""", "soundslike")]
    [InlineData("""[{"id":"openai","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":-1}}]}]""", "not from 0")]
    [InlineData("""[{"id":"openai"}]""", "no data file of genai-prices")]
    public async Task Refuses_a_file_that_it_does_not_understand_whole(string data, string why)
    {
        await using var broker = await BrokerHost.StartAsync();
        await File.WriteAllTextAsync(_file, data);

        using var run = await RunAsync(broker, "prices", "import", _file);

        run.ExitCode.Should().Be(1);
        run.Error.Should().Contain(why).And.NotContain("   at ");
        (await broker.WithDatabaseAsync(db => db.ImportedPrices.CountAsync())).Should().Be(0);
    }

    [Fact]
    public async Task Says_which_model_has_no_price()
    {
        await using var broker = await BrokerHost.StartAsync();

        using var run = await RunAsync(broker, "prices", "list", "--model", "gpt-of-nobody");
        using var all = await RunAsync(broker, "prices", "list");

        run.ExitCode.Should().Be(1);
        run.Output.Should().Contain("No list has a price for 'gpt-of-nobody'");
        all.Output.Should().MatchRegex("(?m)^openai  [0-9]+ models as of ").And.Contain("anthropic").And.NotContain("imported");
    }

    private static Task<BrokerProcess> RunAsync(BrokerHost broker, params string[] words) =>
        BrokerProcess.RunAsync("Development", [.. words, .. broker.Arguments()]);

    private static async Task<JsonElement> JsonOfAsync(BrokerHost broker, int exitCode, params string[] words)
    {
        using var run = await RunAsync(broker, words);
        run.ExitCode.Should().Be(exitCode, run.Error);
        return JsonSerializer.SerializeToElement(JsonNode.Parse(run.Output));
    }
}
