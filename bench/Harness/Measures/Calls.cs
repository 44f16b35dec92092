using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// Calls of 1 KB in and out over connections that are kept: throughput, latency, CPU and allocations at three
/// concurrencies, in rounds in which each contender has a slice.
/// </summary>
internal static class Calls
{
    public const string Title = "Calls, 1 KB JSON in and out, keep-alive";
    private const string PerSecond = "calls/s";
    private const string Median = "p50 us";
    private const string Cpu = "CPU us";
    private const string Allocated = "alloc B";
    private static readonly int[] Concurrencies = [1, 16, 64];
    private static readonly TimeSpan Before = TimeSpan.FromMilliseconds(100);

    public static async Task RunAsync(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken)
    {
        var shares = new List<double>();
        foreach (var concurrency in Concurrencies)
        {
            var results = field.Contenders.ToDictionary(contender => contender.Name, _ => new List<Measured>());
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var contender in field.Contenders.Rotated(round))
                {
                    var measured = await SliceAsync(contender, concurrency, options.Slice, cancellationToken);
                    results[contender.Name].Add(measured);
                    shares.Add(measured.Slice.OwnCpu / measured.Slice.Elapsed / Environment.ProcessorCount);
                }
            }

            Report(findings, $"{concurrency}", results);
        }

        findings.Notes.Add($"The load generator took {Statistics.Median(shares):0%} of the machine's CPU, at most {shares.Max():0%}.");
    }

    private static async Task<Measured> SliceAsync(Contender contender, int concurrency, TimeSpan slice, CancellationToken cancellationToken)
    {
        var request = contender.Call;
        var cpu = contender.Cpu();
        var allocated = contender.Probe?.Allocated();
        var load = await ClosedLoop.RunAsync(
            contender.Port, concurrency, (connection, _) => connection.Call(request) == 200, Before, slice, cancellationToken);
        await Quiet.WaitAsync(contender, cancellationToken);
        var calls = Math.Max(1, load.AllCalls);
        return new Measured(
            load,
            (contender.Cpu() - cpu).TotalMicroseconds / calls,
            contender.Probe is { } probe && allocated is { } before ? (double)(probe.Allocated() - before) / calls : double.NaN);
    }

    private static void Report(Findings findings, string at, Dictionary<string, List<Measured>> results)
    {
        foreach (var (name, rounds) in results)
        {
            findings.Add(Title, at, name, PerSecond, rounds.Select(r => r.Slice.PerSecond));
            findings.Add(Title, at, name, Median, rounds.Select(r => r.Slice.At(0.5)));
            findings.Add(Title, at, name, "p99 us", rounds.Select(r => r.Slice.At(0.99)));
            findings.Add(Title, at, name, Cpu, rounds.Select(r => r.Cpu));
            findings.Add(Title, at, name, Allocated, rounds.Select(r => r.Allocated));
            var errors = rounds.Sum(r => r.Slice.Errors);
            if (errors > 0)
            {
                findings.Notes.Add($"{errors} calls of {name} at {at} connections failed: its figures there are void.");
            }
        }

        findings.Compare(Title, at, PerSecond, Names.Direct, "x direct", (one, other) => one / other);
        findings.Compare(Title, at, PerSecond, Names.Yarp, "x yarp", (one, other) => one / other);
        findings.Compare(Title, at, PerSecond, Names.NginxAuth, "x nginx+auth", (one, other) => one / other);
        findings.Compare(Title, at, PerSecond, Names.NginxLookup, "x nginx+lookup", (one, other) => one / other);
        findings.Compare(Title, at, Median, Names.Yarp, "p50 - yarp", (one, other) => one - other);
        findings.Compare(Title, at, Cpu, Names.Yarp, "CPU x yarp", (one, other) => one / other);
        findings.Compare(Title, at, Allocated, Names.Yarp, "alloc x yarp", (one, other) => one / other);
        if (at == "1")
        {
            findings.AtMost(50, Title, at, Names.Broker, "p50 - yarp", "added time over bare YARP at 1 connection, median", " us");
            return;
        }

        findings.AtLeast(0.9, Title, at, Names.Broker, "x yarp", $"throughput against bare YARP at {at}", "");
        findings.AtLeast(2.5, Title, at, Names.Broker, "x nginx+auth", $"throughput against nginx with auth_request at {at}", "");
        findings.AtMost(1.5, Title, at, Names.Broker, "alloc x yarp", $"allocations per call against bare YARP at {at}", "");
    }

    private sealed record Measured(Slice Slice, double Cpu, double Allocated);
}
