using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace TokenBroker.Bench.Processes;

/// <summary>A program that was started for the bench, with what can be read of it from outside: its CPU time and its memory.</summary>
internal sealed class Running : IAsyncDisposable
{
    private const int KeptLines = 60;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Queue<string> _said = [];
    private readonly string? _probeAddress;

    private Running(string name, Process process, string? probeAddress)
    {
        (Name, _process, _probeAddress) = (name, process, probeAddress);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    public string Name { get; }

    /// <summary>Null for a program that is not .NET.</summary>
    public Probe? Probe { get; private set; }

    /// <summary>What it wrote last.</summary>
    public string Said
    {
        get
        {
            lock (_said)
            {
                return string.Join(Environment.NewLine, _said);
            }
        }
    }

    /// <param name="name">What messages call it.</param>
    /// <param name="program">The program's file.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="port">Where it listens once it is up.</param>
    /// <param name="probeDirectory">Where the probe's socket goes; null for a program that is not .NET.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Running> StartAsync(
        string name, string program, IEnumerable<string> arguments, int port, string? probeDirectory, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        string? probeAddress = null;
        if (probeDirectory is not null)
        {
            probeAddress = Path.Combine(probeDirectory, $"{port}.probe");
            File.Delete(probeAddress);
            start.Environment["DOTNET_STARTUP_HOOKS"] = Programs.Probe;
            start.Environment["BENCH_PROBE"] = probeAddress;
        }

        var process = new Process { StartInfo = start };
        process.Start();
        var running = new Running(name, process, probeAddress);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await running.WaitForAsync(port, cancellationToken);
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }

        return running;
    }

    /// <summary>CPU time of the process and its children, user and system.</summary>
    public TimeSpan Cpu()
    {
        var ticks = 0L;
        foreach (var id in Family())
        {
            ticks += ProcFiles.CpuTicks(id);
        }

        return TimeSpan.FromSeconds((double)ticks / ProcFiles.TicksPerSecond);
    }

    /// <summary>Proportional set size of the process and its children, in bytes.</summary>
    public long Memory() => Probe?.Memory() ?? Family().Sum(ProcFiles.ProportionalBytes);

    public async ValueTask DisposeAsync()
    {
        Probe?.Dispose();
        try
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        catch (InvalidOperationException)
        {
            // It had ended by itself.
        }

        _process.Dispose();
    }

    private IEnumerable<int> Family() => [_process.Id, .. ProcFiles.ChildrenOf(_process.Id)];

    private async Task WaitForAsync(int port, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new InvalidOperationException($"{Name} did not start. {Said}");
            }

            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                Probe = _probeAddress is null ? null : Probe.Connect(_probeAddress);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(50, cancellationToken);
            }
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_said)
        {
            _said.Enqueue(line);
            if (_said.Count > KeptLines)
            {
                _said.Dequeue();
            }
        }
    }
}
