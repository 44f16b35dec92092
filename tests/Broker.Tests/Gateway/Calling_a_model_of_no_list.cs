using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Calling_a_model_of_no_list : IDisposable
{
    private readonly string _list = Path.GetTempFileName();

    public Calling_a_model_of_no_list() => File.WriteAllText(
        _list, """{"upstream":"openai","as_of":"2026-11-01","models":[{"id":"gpt-4o","match":{"equals":"gpt-4o"},"usd_per_million":{"input":1,"output":1}}]}""");

    public void Dispose() => File.Delete(_list);

    private static readonly Dictionary<string, string> Ceiling = new()
    {
        ["Prices:UnknownModels"] = "Ceiling",
        ["Prices:Ceiling:Input"] = "20",
        ["Prices:Ceiling:Output"] = "80.5",
    };

    [Fact]
    public async Task Is_charged_at_the_ceiling_where_the_operator_names_one()
    {
        await using var broker = await BrokerHost.StartAsync(new(Ceiling) { ["Prices:File"] = _list });
        using var connected = await Connected.AsAsync(broker);

        using var answer = await connected.Api.ChatAsync("Hello", model: "gpt-4o-mini");

        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        var usage = (await connected.UsageAsync()).Should().ContainSingle().Subject;
        usage.CostMicros.Should().Be((long)Math.Ceiling((usage.InputTokens * 20m) + (usage.OutputTokens * 80.5m)));
    }

    [Fact]
    public async Task Is_refused_by_default()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Prices:File"] = _list });
        using var connected = await Connected.AsAsync(broker);

        using var answer = await connected.Api.ChatAsync("Hello", model: "gpt-4o-mini");

        answer.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        connected.Received.Should().BeEmpty();
    }

    [Fact]
    public async Task Needs_a_ceiling_that_is_one()
    {
        var start = () => BrokerHost.StartAsync(new() { ["Prices:UnknownModels"] = "Ceiling", ["Prices:Ceiling:Input"] = "20" });

        (await start.Should().ThrowAsync<Exception>()).Which.Message.Should().Contain("Prices:Ceiling:Output");
    }
}
