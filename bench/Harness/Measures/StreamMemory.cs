using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// What an open stream takes: the growth of a contender's proportional set size with many streams open, in processes
/// that were started for it. Garbage is collected before each reading, where there is any; what it is without that is
/// told too.
/// </summary>
internal static class StreamMemory
{
    public const string Title = "Memory of an open stream";
    private const string Held = "KB/stream";
    private const int WarmStreams = 16;

    public static async Task RunAsync(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken)
    {
        var names = field.Contenders.Select(contender => contender.Name).Where(name => name != Names.Direct).ToList();
        var results = names.ToDictionary(name => name, _ => new List<(double Held, double Uncollected, double Managed)>());
        for (var round = 0; round < options.FewRounds; round++)
        {
            foreach (var name in names.Rotated(round))
            {
                var contender = await field.RestartAsync(name, cancellationToken);
                results[name].Add(await MeasureAsync(contender, options, cancellationToken));
            }
        }

        var at = $"{options.Streams} streams";
        foreach (var (name, rounds) in results)
        {
            findings.Add(Title, at, name, Held, rounds.Select(r => r.Held));
            findings.Add(Title, at, name, "uncollected KB", rounds.Select(r => r.Uncollected));
            findings.Add(Title, at, name, "managed KB", rounds.Select(r => r.Managed));
        }

        findings.Compare(Title, at, Held, Names.Yarp, "x yarp", (one, other) => one / other);
        findings.Compare(Title, at, "managed KB", Names.Yarp, "managed x yarp", (one, other) => one / other);
        findings.AtMost(1.3, Title, at, Names.Broker, "x yarp", "memory of an open stream against bare YARP", "");
    }

    private static async Task<(double Held, double Uncollected, double Managed)> MeasureAsync(
        Contender contender, BenchOptions options, CancellationToken cancellationToken)
    {
        var call = contender.Call;
        await ClosedLoop.RunAsync(
            contender.Port, WarmStreams, (connection, _) => connection.Call(call) == 200, options.Settling, TimeSpan.Zero, cancellationToken);
        using (await HeldStreams.OpenAsync(contender.Port, contender.Hold, WarmStreams, cancellationToken))
        {
            await Quiet.WaitAsync(contender, cancellationToken);
        }

        await Quiet.WaitAsync(contender, cancellationToken);
        var managedBefore = contender.Probe?.Collect();
        var before = contender.Memory();
        using var streams = await HeldStreams.OpenAsync(contender.Port, contender.Hold, options.Streams, cancellationToken);
        await Task.Delay(options.Settling, cancellationToken);
        var uncollected = contender.Memory();
        var managed = contender.Probe?.Collect();
        var held = contender.Memory();
        return (
            (held - before) / 1024.0 / options.Streams,
            (uncollected - before) / 1024.0 / options.Streams,
            managed is null ? double.NaN : (managed.Value - managedBefore!.Value) / 1024.0 / options.Streams);
    }
}
