using BenchmarkDotNet.Attributes;
using TokenBroker.Custody;

namespace TokenBroker.Bench.Micro;

/// <summary>Step 6 of a call: a key that is open in memory, and one whose envelope has to be opened, with the file vault.</summary>
[MemoryDiagnoser]
public class Opening_a_key
{
    private static readonly EnvelopeBinding Binding = new("somebody", "a-record", "openai");
    private LiveBroker _broker = null!;
    private Envelopes _envelopes = null!;
    private OpenKeys _keys = null!;
    private KeyUse _use;
    private byte[] _record = [];

    [GlobalSetup]
    public async Task StartAsync()
    {
        _broker = await LiveBroker.StartAsync();
        _envelopes = _broker.Services.GetRequiredService<Envelopes>();
        _keys = _broker.Services.GetRequiredService<OpenKeys>();
        _use = (await _broker.CallerAsync()).Key!.Value;
        using var secret = Secret.FromText(LiveBroker.UpstreamKey);
        _record = await _envelopes.SealAsync(secret, Binding, CancellationToken.None);
    }

    [Benchmark(Baseline = true)]
    public async Task<int> That_is_open() => (await _keys.RevealAsync(_use, CancellationToken.None))!.Length;

    [Benchmark]
    public async Task<int> From_its_envelope()
    {
        using var secret = await _envelopes.OpenAsync(_record, Binding, CancellationToken.None);
        return secret.Length;
    }

    [GlobalCleanup]
    public async Task StopAsync() => await _broker.DisposeAsync();
}
