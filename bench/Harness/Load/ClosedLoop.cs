using System.Diagnostics;
using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Load;

/// <summary>What one slice of load showed.</summary>
/// <param name="Calls">Calls that counted.</param>
/// <param name="AllCalls">All that were answered, also before the counting began.</param>
/// <param name="Errors">Calls that were refused, or not answered.</param>
/// <param name="Elapsed">How long it counted.</param>
/// <param name="SortedTicks">How long each call took.</param>
/// <param name="OwnCpu">CPU time of this process in the meantime.</param>
internal sealed record Slice(int Calls, int AllCalls, int Errors, TimeSpan Elapsed, long[] SortedTicks, TimeSpan OwnCpu)
{
    public double PerSecond => Calls / Elapsed.TotalSeconds;

    /// <summary>Microseconds.</summary>
    public double At(double quantile) => SortedTicks.Length == 0
        ? double.NaN
        : SortedTicks[Math.Min(SortedTicks.Length - 1, (int)(quantile * SortedTicks.Length))] * 1e6 / Stopwatch.Frequency;
}

/// <summary>One thread a connection, each calling again as soon as it was answered.</summary>
internal static class ClosedLoop
{
    /// <param name="port">Where to.</param>
    /// <param name="concurrency">How many connections.</param>
    /// <param name="turn">One call on a connection, by the number of the connection; false for an error.</param>
    /// <param name="before">How long it runs before anything counts.</param>
    /// <param name="measured">How long it counts.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Slice> RunAsync(
        int port, int concurrency, Func<Connection, int, bool> turn, TimeSpan before, TimeSpan measured, CancellationToken cancellationToken)
    {
        var callers = Enumerable.Range(0, concurrency).Select(number => new Caller(port, number, turn)).ToArray();
        await Task.Delay(before, cancellationToken);
        var cpu = ProcFiles.CpuTicks(Environment.ProcessId);
        var began = Stopwatch.GetTimestamp();
        foreach (var caller in callers)
        {
            caller.Counts = true;
        }

        await Task.Delay(measured, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var caller in callers)
        {
            caller.Counts = false;
        }

        var elapsed = Stopwatch.GetElapsedTime(began);
        cpu = ProcFiles.CpuTicks(Environment.ProcessId) - cpu;
        foreach (var caller in callers)
        {
            caller.Stop();
        }

        cancellationToken.ThrowIfCancellationRequested();
        long[] ticks = [.. callers.SelectMany(caller => caller.Ticks)];
        Array.Sort(ticks);
        return new Slice(
            ticks.Length, callers.Sum(caller => caller.All), callers.Sum(caller => caller.Errors), elapsed, ticks, TimeSpan.FromSeconds((double)cpu / ProcFiles.TicksPerSecond));
    }

    private sealed class Caller
    {
        private readonly Thread _thread;
        private volatile bool _ends;
        private volatile bool _counts;

        public Caller(int port, int number, Func<Connection, int, bool> turn)
        {
            _thread = new Thread(() => Run(port, number, turn), maxStackSize: 256 * 1024) { IsBackground = true };
            _thread.Start();
        }

        public List<long> Ticks { get; } = new(16 * 1024);

        public int Errors { get; private set; }

        public int All { get; private set; }

        public bool Counts
        {
            set => _counts = value;
        }

        public void Stop()
        {
            _ends = true;
            _thread.Join();
        }

        private void Run(int port, int number, Func<Connection, int, bool> turn)
        {
            Connection? connection = null;
            while (!_ends)
            {
                var good = false;
                var counts = _counts;
                var began = Stopwatch.GetTimestamp();
                try
                {
                    connection ??= new Connection(port);
                    good = turn(connection, number);
                }
                catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
                {
                    connection?.Dispose();
                    connection = null;
                }

                All += good ? 1 : 0;
                Errors += good ? 0 : 1;
                if (good && counts && _counts)
                {
                    Ticks.Add(Stopwatch.GetTimestamp() - began);
                }
            }

            connection?.Dispose();
        }
    }
}
