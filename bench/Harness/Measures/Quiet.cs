using TokenBroker.Bench.Parties;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// Waits until a contender has done what it does behind its calls, such as writing usage: that work is its own cost,
/// and must not slow the one whose slice comes next.
/// </summary>
internal static class Quiet
{
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan IdleCpu = TimeSpan.FromMilliseconds(20);
    private const int MostWindows = 40;

    public static async Task WaitAsync(Contender contender, CancellationToken cancellationToken)
    {
        var before = contender.Cpu();
        for (var window = 0; window < MostWindows; window++)
        {
            await Task.Delay(Window, cancellationToken);
            var now = contender.Cpu();
            if (now - before <= IdleCpu)
            {
                return;
            }

            before = now;
        }
    }
}
