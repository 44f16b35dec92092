using System.Diagnostics;
using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench.Measures;

/// <summary>How long after a request its stream's first byte is here, one stream at a time.</summary>
internal static class FirstByte
{
    public const string Title = "First byte of a stream, one at a time";
    private const string Name = "p50 us";
    private const int StreamsInTurn = 60;

    public static async Task RunAsync(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken)
    {
        var results = field.Contenders.ToDictionary(contender => contender.Name, _ => new List<double>());
        for (var round = -2; round < options.Rounds * 2; round++)
        {
            foreach (var contender in field.Contenders.Rotated(round + 2))
            {
                // The first rounds warm up.
                var streams = round < 0 && !options.Quick ? StreamsInTurn * 10 : StreamsInTurn;
                var median = await Task.Run(() => Turn(contender, streams), cancellationToken);
                if (round >= 0)
                {
                    results[contender.Name].Add(median);
                }

                await Quiet.WaitAsync(contender, cancellationToken);
            }
        }

        foreach (var (name, rounds) in results)
        {
            findings.Add(Title, "", name, Name, rounds);
        }

        findings.Compare(Title, "", Name, Names.Direct, "added us", (one, other) => one - other);
        findings.Compare(Title, "", Name, Names.Yarp, "over yarp us", (one, other) => one - other);
        findings.Compare(Title, "", Name, Names.Direct, "x direct", (one, other) => one / other);
        findings.Compare(Title, "", Name, Names.Yarp, "x yarp", (one, other) => one / other);
        findings.AtMost(100, Title, "", Names.Broker, "added us", "added time to the first streamed byte, median", " us");
    }

    private static double Turn(Contender contender, int streams)
    {
        var request = contender.Stream;
        using var connection = new Connection(contender.Port);
        var times = new List<double>(streams);
        for (var i = 0; i < streams; i++)
        {
            var began = Stopwatch.GetTimestamp();
            var (status, firstByte) = connection.CallStream(request);
            if (status != 200)
            {
                throw new InvalidOperationException($"{contender.Name} answered {status} to a stream.");
            }

            times.Add((firstByte - began) * 1e6 / Stopwatch.Frequency);
        }

        return Statistics.Median(times);
    }
}
