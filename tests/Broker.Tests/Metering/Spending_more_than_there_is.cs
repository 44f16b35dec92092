using System.Net;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Tests.Gateway;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Metering;

/// <summary>The one way past a cap: a provider that charges more than the worst that a call could cost. Then nobody goes on.</summary>
[Trait("Checklist", "28")]
public sealed class Spending_more_than_there_is
{
    private static readonly Budget Monthly = new(1_000, BudgetPeriod.Month);

    [Fact]
    public async Task Cuts_the_accounts_open_calls_and_refuses_new_ones()
    {
        await using var world = await LedgerWorld.NewAsync(1_000);
        var node = await world.StartAsync();
        var cut = new List<AccountId>();
        node.Cuts.Subscribe(cut.Add);
        var line = node.Line(Monthly);
        var (one, open) = (await node.ReserveAsync(line, 100), await node.ReserveAsync(line, 200));

        node.End(one!, 2_000);
        await node.KeepAsync();

        cut.Should().Contain(new AccountId(AccountKind.Grant, world.GrantId));
        (await node.ReserveAsync(line, 1)).Should().BeNull();
        open!.Dispose();
        await node.StopAsync();
        var row = await world.RowAsync(AccountKind.Grant, world.GrantId, 202611);
        (row.CostMicros, row.LeasedMicros).Should().Be((2_000, 0), "what the provider charged is what counts");
    }

    [Fact]
    public async Task Cuts_nobody_while_the_cap_can_take_it()
    {
        await using var world = await LedgerWorld.NewAsync(1_000);
        var node = await world.StartAsync();
        var cut = new List<AccountId>();
        node.Cuts.Subscribe(cut.Add);
        var line = node.Line(Monthly);
        var (one, open) = (await node.ReserveAsync(line, 100), await node.ReserveAsync(line, 200));

        node.End(one!, 700);
        await node.KeepAsync();
        await node.KeepAsync();

        cut.Should().BeEmpty();
        (await node.ReserveAsync(line, 101)).Should().BeNull("700 are spent, and 200 claimed");
        open!.Dispose();
        await node.StopAsync();
        (await world.RowAsync(AccountKind.Grant, world.GrantId, 202611)).CostMicros.Should().Be(700);
    }

    [Fact]
    public async Task Ends_the_streams_beside_it()
    {
        // The first call's answer is endless; the second says that it used a million tokens, of a hundred.
        var calls = 0;
        await using var upstream = new RawUpstream { Script = _ => Interlocked.Increment(ref calls) == 1 ? Endless() : [Dear()] };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker, budget: "1.00");
        using var stream = await connected.Api.OpenStreamAsync("Hello");

        using (var dear = await connected.Api.PostAsync("/chat/completions", new { model = "gpt-4o", max_completion_tokens = 100, messages = new[] { new { role = "user", content = "Hello" } } }))
        {
            dear.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var (text, isBroken) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(TimeSpan.FromSeconds(30));
        isBroken.Should().BeTrue("a cut answer must not look whole");
        text.Should().Contain("budget_exhausted");
        using var refused = await connected.Api.ChatAsync();
        refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        calls.Should().Be(2);
    }

    private static IEnumerable<string> Endless()
    {
        yield return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        while (true)
        {
            yield return "data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n";
        }
    }

    private static string Dear()
    {
        const string Body = """{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1000000}}""";
        return $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}";
    }
}
