using System.Diagnostics;
using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// How long open streams of a grant outlive its revocation at <c>/connect/revoke</c>. The clock starts as the
/// revocation is sent, so that its own transaction counts as well.
/// </summary>
internal static class Cuts
{
    private const int Revocations = 40;
    public const string Title = "Open streams cut by a revocation, ms after it was sent";

    public static async Task RunAsync(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken)
    {
        await WarmUpAsync(field, options, cancellationToken);
        var rounds = new List<(double Answered, double First, double Median, double Last)>();
        for (var round = -1; round < options.FewRounds; round++)
        {
            var tokens = await field.Broker.ConnectSomebodyAsync(cancellationToken);
            var request = Requests.Chat(field.Broker.Port, "/openai", tokens.Access, Requests.HoldBody);
            using var streams = await HeldStreams.OpenAsync(field.Broker.Port, request, options.Streams, cancellationToken);
            await Quiet.WaitAsync(field[Names.Broker], cancellationToken);

            using var app = field.Broker.NewApp();
            var sent = Stopwatch.GetTimestamp();
            await app.RevokeAsync(tokens.Refresh, cancellationToken);
            var answered = Stopwatch.GetElapsedTime(sent).TotalMilliseconds;
            var ends = (await streams.EndsAsync(cancellationToken)).Select(end => Stopwatch.GetElapsedTime(sent, end).TotalMilliseconds).ToArray();
            if (round >= 0)
            {
                rounds.Add((answered, ends[0], Statistics.Median(ends), ends[^1]));
            }
        }

        var at = $"{options.Streams} streams";
        findings.Add(Title, at, Names.Broker, "answered", rounds.Select(round => round.Answered));
        findings.Add(Title, at, Names.Broker, "first", rounds.Select(round => round.First));
        findings.Add(Title, at, Names.Broker, "median", rounds.Select(round => round.Median));
        findings.Add(Title, at, Names.Broker, "last", rounds.Select(round => round.Last));
        findings.AtMost(20, Title, at, Names.Broker, "first", $"first of {at} cut", " ms");
        findings.AtMost(250, Title, at, Names.Broker, "last", $"last of {at} cut", " ms");
    }

    /// <summary>What revokes is to be compiled as well as what calls, which many calls have warmed up.</summary>
    private static async Task WarmUpAsync(Field field, BenchOptions options, CancellationToken cancellationToken)
    {
        using var app = field.Broker.NewApp();
        for (var i = 0; i < (options.Quick ? 1 : Revocations); i++)
        {
            var tokens = await field.Broker.ConnectSomebodyAsync(cancellationToken);
            await app.RevokeAsync(tokens.Refresh, cancellationToken);
        }
    }
}
