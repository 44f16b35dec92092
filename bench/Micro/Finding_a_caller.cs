using BenchmarkDotNet.Attributes;
using TokenBroker.Gateway;

namespace TokenBroker.Bench.Micro;

/// <summary>Step 1 of a call: the token's SHA-256, and the caller that memory holds for it.</summary>
[MemoryDiagnoser]
public class Finding_a_caller
{
    private LiveBroker _broker = null!;
    private Callers _callers = null!;
    private HttpContext _call = null!;

    [GlobalSetup]
    public async Task StartAsync()
    {
        _broker = await LiveBroker.StartAsync();
        _callers = _broker.Services.GetRequiredService<Callers>();
        _call = _broker.NewCall();
        await _broker.CallerAsync();
    }

    [Benchmark]
    public async Task<bool> By_its_token() => (await _callers.FindAsync(_call)).Caller is not null;

    [GlobalCleanup]
    public async Task StopAsync() => await _broker.DisposeAsync();
}
