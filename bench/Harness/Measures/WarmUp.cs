using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// Load before anything counts, until the contender's compiler has nothing left to do: what runs often is compiled for
/// speed behind the calls, and on a busy machine that takes a while, in which its cost would be taken for the calls'.
/// </summary>
internal static class WarmUp
{
    private const int Concurrency = 16;
    private const int MostTurns = 8;

    /// <summary>Methods that are compiled in a turn without hurting anybody.</summary>
    private const int Few = 10;

    public static async Task RunAsync(Contender contender, BenchOptions options, CancellationToken cancellationToken)
    {
        var request = contender.Call;
        var quiet = 0;
        for (var turn = 0; turn < MostTurns && quiet < 2; turn++)
        {
            var before = contender.Probes.Sum(probe => probe.Compiled());
            await ClosedLoop.RunAsync(
                contender.Port, Concurrency, (connection, _) => connection.Call(request) == 200, TimeSpan.Zero, options.WarmUp, cancellationToken);
            quiet = options.Quick || contender.Probes.Sum(probe => probe.Compiled()) - before <= Few ? quiet + 1 : 0;
        }

        await Quiet.WaitAsync(contender, cancellationToken);
    }
}
