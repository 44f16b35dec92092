using System.Diagnostics;
using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary>The real program as an operator runs it: its own process, its exit code and what it prints.</summary>
internal sealed class BrokerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private BrokerProcess(Process process) => _process = process;

    public string Output => Read(_output);

    public string Error => Read(_error);

    public int Id => _process.Id;

    public int ExitCode => _process.ExitCode;

    public static BrokerProcess Start(string environment, params string[] arguments) => Start(environment, [], arguments);

    private static BrokerProcess Start(string environment, Dictionary<string, string> variables, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "TokenBroker.Broker.dll"));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["ASPNETCORE_ENVIRONMENT"] = environment;
        start.Environment.Remove("DOTNET_ENVIRONMENT");
        start.Environment.Remove("ASPNETCORE_URLS");
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var broker = new BrokerProcess(process);
        process.OutputDataReceived += (_, line) => Append(broker._output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(broker._error, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return broker;
    }

    /// <summary>Stops the broker of the tests' own process and starts the program on the same data and address, with the same configuration.</summary>
    /// <param name="host">The broker.</param>
    /// <param name="variables">More of its environment.</param>
    public static async Task<BrokerProcess> TakeOverAsync(BrokerHost host, Dictionary<string, string>? variables = null)
    {
        await host.StopBrokerAsync();
        var process = Start("Development", variables ?? [], host.Arguments());
        return await process.IsReadyAsync(host.Address)
            ? process
            : throw new InvalidOperationException($"The program did not start: {process.Output} {process.Error}");
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<BrokerProcess> RunAsync(string environment, params string[] arguments)
    {
        var broker = Start(environment, arguments);
        await broker.WaitAsync();
        return broker;
    }

    /// <summary>Writes to it, and ends its input.</summary>
    public async Task WriteAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        _process.StandardInput.Close();
    }

    public async Task WaitAsync(TimeSpan? atMost = null)
    {
        using var patience = new CancellationTokenSource(atMost ?? Patience);
        await _process.WaitForExitAsync(patience.Token);
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>Ends it as a power cut does: it is told nothing, and nothing of it runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await WaitAsync();
    }

    /// <summary>Asks it to stop, as a service manager does.</summary>
    public async Task StopAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        await WaitAsync();
    }

    /// <summary>Waits until it answers, or has ended.</summary>
    public async Task<bool> IsReadyAsync(string address)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        using var patience = new CancellationTokenSource(Patience);
        while (!patience.IsCancellationRequested && !_process.HasExited)
        {
            try
            {
                using var response = await http.GetAsync(new Uri(address + "/health/ready"), patience.Token);
                if (response.IsSuccessStatusCode)
                {
                    return true;
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
            {
                await Task.Delay(100);
            }
        }

        return false;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    /// <summary>While it runs, it may print.</summary>
    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    private static void Append(StringBuilder text, string? line)
    {
        lock (text)
        {
            text.AppendLine(line);
        }
    }
}
