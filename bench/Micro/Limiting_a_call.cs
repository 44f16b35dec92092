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
    private GrantLimits _limits = null!;
    private BudgetLedger _budgets = null!;
    private IReadOnlyList<GrantLine> _line = null!;

    [GlobalSetup]
    public async Task StartAsync()
    {
        _broker = await LiveBroker.StartAsync();

        // A rate that a benchmark's loop does not pass: refusals are another path.
        var options = Options.Create(new GatewayOptions { RequestsPerMinute = int.MaxValue, ConcurrentCalls = 1_000 });
        _limits = ActivatorUtilities.CreateInstance<GrantLimits>(_broker.Services, options);
        _budgets = _broker.Services.GetRequiredService<BudgetLedger>();
        _line = (await _broker.CallerAsync()).Facts.Line;
        await Purses.OpenAsync(_budgets, _line, CancellationToken.None);
    }

    [Benchmark]
    public bool Rate_and_concurrency()
    {
        var (lease, _) = _limits.Enter(_line);
        lease?.Dispose();
        return lease is not null;
    }

    [Benchmark]
    public async Task Reserve_and_settle()
    {
        var purses = await Purses.OpenAsync(_budgets, _line, CancellationToken.None);
        using var reservation = purses.TryReserve(300);
        reservation!.Settle(0);
    }

    [GlobalCleanup]
    public async Task StopAsync()
    {
        _limits.Dispose();
        await _broker.DisposeAsync();
    }
}
