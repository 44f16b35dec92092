using System.Globalization;
using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Metering;

/// <summary>The real program is killed while calls run, and started again, until the budget is used up. What the provider served is the truth.</summary>
[Trait("Checklist", "28")]
public sealed class Being_killed_under_load(ITestOutputHelper output)
{
    private const long Budget = 100_000;
    private const int Callers = 8;

    /// <summary>A hundred tokens at 10 dollars a million, and fewer than four hundred bytes at 2.50.</summary>
    private const long WorstOfCall = 2_000;

    [Fact]
    public async Task Never_spends_more_than_the_budget_and_loses_no_more_than_open_calls_could_cost()
    {
        const int Kills = 3;
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Connected.AsAsync(broker, budget: "0.10");
        using (var enough = new CancellationTokenSource())
        {
            await CallAsync(person, enough.CancelAsync, enough.Token);
        }

        // Every call is the same, so the provider's count of them tells what it charged, whether or not an answer arrived.
        var costOfCall = (await person.SpendAsync()).CostMicros;
        for (var kill = 0; kill < Kills; kill++)
        {
            using var program = await BrokerProcess.TakeOverAsync(broker);
            using var enough = new CancellationTokenSource();
            var served = person.Received.Count;
            var callers = Enumerable.Range(0, Callers).Select(_ => CallAsync(person, null, enough.Token)).ToList();
            await Eventually.IsAsync(() => Task.FromResult(person.Received.Count - served), more => more > 30);
            await program.KillAsync();
            await enough.CancelAsync();
            await Task.WhenAll(callers);
        }

        // The fourth start settles the third kill; then whatever is left is spent.
        await broker.StartBrokerAsync();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => CallAsync(person, null, CancellationToken.None)));
        await broker.RestartBrokerAsync();
        var spend = await broker.WithDatabaseAsync(db => db.Spend.AsNoTracking().SingleAsync(s => s.OwnerId == person.GrantId && s.Period > SpendPeriods.Total && s.Period < 1_000_000));
        var truth = person.Received.Count * costOfCall;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The provider charged {truth} for {person.Received.Count} calls, {spend.CostMicros} count as spent, of {Budget}"));

        truth.Should().BeLessThanOrEqualTo(Budget, "the provider charged no more than the user allowed");
        spend.CostMicros.Should().BeLessThanOrEqualTo(Budget).And.BeGreaterThanOrEqualTo(truth, "nothing that was served is forgotten");
        (spend.CostMicros - truth).Should().BeLessThanOrEqualTo(Kills * Callers * WorstOfCall, "only calls that were open at a kill count for more than they cost");
        (Budget - spend.CostMicros).Should().BeLessThan(WorstOfCall, "nothing leaked: all but less than one call could be spent");
        spend.LeasedMicros.Should().Be(0);
        (await broker.WithDatabaseAsync(db => db.SpendNodes.CountAsync())).Should().Be(1, "the dead are settled");
        broker.Log.Lines.Should().Contain(line => line.Contains("ended without settling; its file told", StringComparison.Ordinal));
        (await broker.WithDatabaseAsync(db => db.Usage.Where(u => u.GrantId == person.GrantId).SumAsync(u => u.CostMicros))).Should().Be(spend.CostMicros);
    }

    /// <summary>Calls until told to stop, the budget is used up, or the broker is gone.</summary>
    private static async Task CallAsync(Connected person, Func<Task>? answered, CancellationToken enough)
    {
        try
        {
            while (!enough.IsCancellationRequested)
            {
                using var response = await person.Api.PostAsync("/chat/completions", new
                {
                    model = "gpt-4o",
                    max_completion_tokens = 100,
                    messages = new[] { new { role = "user", content = "[[events:20]]" } },
                });
                if (response.StatusCode == HttpStatusCode.PaymentRequired)
                {
                    return;
                }

                await (answered?.Invoke() ?? Task.CompletedTask);
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
        {
            // Killed.
        }
    }
}
