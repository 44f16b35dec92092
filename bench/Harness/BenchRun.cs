using TokenBroker.Bench.Measures;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Processes;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench;

/// <summary>One run: starts the contenders, takes the measures one after another, and reports.</summary>
internal static class BenchRun
{
    public delegate Task Measure(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken);

    /// <summary>In the order in which they run; memory comes last, because it starts the contenders anew.</summary>
    public static readonly IReadOnlyDictionary<string, Measure> Measures = new Dictionary<string, Measure>
    {
        ["calls"] = Calls.RunAsync,
        ["first-byte"] = FirstByte.RunAsync,
        ["cuts"] = Cuts.RunAsync,
        ["sustained"] = Sustained.RunAsync,
        ["refresh"] = Refreshes.RunAsync,
        ["memory"] = StreamMemory.RunAsync,
    };

    public static async Task<int> RunAsync(BenchOptions options, string? only, string? json, CancellationToken cancellationToken)
    {
        if (Programs.Configuration != "Release")
        {
            await Console.Error.WriteLineAsync("This is a Debug build, whose figures mean nothing. Run it with -c Release.");
        }

        if (Programs.Nginx is null)
        {
            await Console.Error.WriteLineAsync("nginx is not installed, so its three contenders are left out. On Debian and Ubuntu: apt-get install nginx-light.");
        }

        var findings = new Findings();
        await using var field = await Field.StartAsync(options.DataDirectory, cancellationToken);
        await Console.Error.WriteLineAsync("warm-up ...");
        foreach (var contender in field.Contenders)
        {
            await WarmUp.RunAsync(contender, options, cancellationToken);
        }

        foreach (var (name, measure) in Measures.Where(measure => only is null || measure.Key == only))
        {
            await Console.Error.WriteLineAsync($"{name} ...");
            await field.RenewAsync(cancellationToken);
            await measure(field, options, findings, cancellationToken);
        }

        Console.Write(TextReport.Of(findings));
        if (json is not null)
        {
            await JsonReport.WriteAsync(json, findings, options, cancellationToken);
        }

        return 0;
    }
}
