using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// One long slice of full load, in which nothing that is done behind the calls can wait for a pause: what is queued
/// must be written as fast as it comes, or calls fail.
/// </summary>
internal static class Sustained
{
    public const string Title = "Full load without a pause";
    private const int Concurrency = 64;

    public static async Task RunAsync(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken)
    {
        var at = $"{options.Sustained.TotalSeconds:0} s at {Concurrency}";
        foreach (var contender in new[] { field[Names.Yarp], field[Names.Broker] })
        {
            var request = contender.Call;
            var slice = await ClosedLoop.RunAsync(
                contender.Port, Concurrency, (connection, _) => connection.Call(request) == 200, TimeSpan.FromMilliseconds(100), options.Sustained, cancellationToken);
            await Quiet.WaitAsync(contender, cancellationToken);
            findings.Add(Title, at, contender.Name, "calls/s", [slice.PerSecond]);
            findings.Add(Title, at, contender.Name, "p50 us", [slice.At(0.5)]);
            findings.Add(Title, at, contender.Name, "p99 us", [slice.At(0.99)]);
            findings.Add(Title, at, contender.Name, "errors", [slice.Errors]);
        }

        findings.Compare(Title, at, "calls/s", Names.Yarp, "x yarp", (one, other) => one / other);
        findings.AtMost(0, Title, at, Names.Broker, "errors", $"failed calls under full load, {at}", "");
    }
}
