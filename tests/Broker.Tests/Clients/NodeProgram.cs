using System.Diagnostics;

namespace TokenBroker.Tests.Clients;

/// <summary>A Node.js program among the tests' clients, with its packages installed from its lock file, that is talked to by lines.</summary>
internal sealed class NodeProgram : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly Dictionary<string, Lazy<Task<string>>> s_installed = [];
    private static readonly Lock s_lock = new();
    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly CancellationTokenSource _limit = new(Patience);

    private NodeProgram(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync(_limit.Token);
    }

    /// <param name="name">The folder below <c>Clients</c>.</param>
    /// <param name="file">The program in it.</param>
    /// <param name="environment">What it is told.</param>
    public static async Task<NodeProgram> StartAsync(string name, string file, Dictionary<string, string?> environment)
    {
        return Start("node", [file], await InstalledAsync(name), environment);
    }

    /// <summary>Installs what the lock file of a client names, once.</summary>
    /// <returns>The folder that it was installed in.</returns>
    public static Task<string> InstalledAsync(string name)
    {
        lock (s_lock)
        {
            return (s_installed.TryGetValue(name, out var known) ? known : s_installed[name] = new(() => InstallAsync(name))).Value;
        }
    }

    public Task SayAsync(string line) => _process.StandardInput.WriteLineAsync(line);

    /// <returns>The next line; an end of the program before one is a failure, with what it had to say.</returns>
    public async Task<string> HearAsync() => await _process.StandardOutput.ReadLineAsync(_limit.Token)
        ?? throw new InvalidOperationException("The program ended: " + await _errors);

    /// <returns>What it had to say besides the lines that were heard.</returns>
    public async Task<string> EndsWellAsync()
    {
        var rest = await _process.StandardOutput.ReadToEndAsync(_limit.Token);
        await _process.WaitForExitAsync(_limit.Token);
        _process.ExitCode.Should().Be(0, rest + await _errors);
        return rest;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
        _limit.Dispose();
    }

    private static NodeProgram Start(string program, string[] arguments, string folder, Dictionary<string, string?> environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        try
        {
            return new NodeProgram(Process.Start(start)!);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException($"'{program}' was not found. This test needs Node.js 20 or later with npm on the path.", exception);
        }
    }

    private static async Task<string> InstallAsync(string name)
    {
        var sources = Path.Combine(AppContext.BaseDirectory, "Clients", name);
        var folder = Path.Combine(AppContext.BaseDirectory, name + "-client");
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(sources))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }

        // npm leaves this file behind when it is done: it tells whether what is there is what the lock file names.
        var installed = Path.Combine(folder, "node_modules", ".package-lock.json");
        if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(Path.Combine(sources, "package-lock.json")))
        {
            using var npm = Start("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, []);
            await npm.EndsWellAsync();
        }

        return folder;
    }
}
