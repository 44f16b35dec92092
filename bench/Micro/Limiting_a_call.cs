using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Options;
using TokenBroker.Gateway;
using TokenBroker.Metering;

namespace TokenBroker.Bench.Micro;

/// <summary>Rate and concurrency, and the budget's reservation with its settlement, of one grant.</summary>
[MemoryDiagnoser]
public class Limiting_a_call
{
    private LiveBroker _broker = null!;
    private Rates _rates = null!;
    private BudgetLedger _budgets = null!;
    private GrantFacts _facts = null!;

    [GlobalSetup]
    public async Task StartAsync()
    {
        _broker = await LiveBroker.StartAsync();

        // A rate that a benchmark's loop does not pass: refusals are another path.
        const int most = int.MaxValue;
        var options = Options.Create(new GatewayOptions
        {
            RequestsPerMinute = most,
            RequestsPerMinuteOfApp = most,
            RequestsPerMinuteOfUser = most,
            ConcurrentCalls = 1_000,
            ConcurrentCallsOfApp = 1_000,
            ConcurrentCallsOfUser = 1_000,
        });
        _rates = ActivatorUtilities.CreateInstance<Rates>(_broker.Services, options);
        _budgets = _broker.Services.GetRequiredService<BudgetLedger>();

        // Facts of its own: the broker's have its own rates.
        _facts = (await _broker.CallerAsync()).Facts with { Rates = null };
    }

    [Benchmark]
    public bool Rate_and_concurrency()
    {
        using var lease = _rates.Enter(_facts);
        return lease.Wait is null;
    }

    [Benchmark]
    public async Task Reserve_and_settle()
    {
        using var reservation = await _budgets.TryReserveAsync(_facts.Budgets, 300, CancellationToken.None);
        reservation!.Settle(0);
    }

    [GlobalCleanup]
    public async Task StopAsync() => await _broker.DisposeAsync();
}
