namespace TokenBroker.Bench.Processes;

/// <summary>Where the programs lie that were built together with the harness, in the same configuration.</summary>
internal static class Programs
{
    // bench/Harness/bin/Release/net10.0
    private static readonly DirectoryInfo Own = new(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));

    public static string Configuration => Own.Parent!.Name;

    public static string Root => Own.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;

    public static string Broker => Program("src/Broker", "TokenBroker.Broker");

    public static string Contenders => Program("bench/Contenders", "TokenBroker.Bench.Contenders");

    public static string Probe => Path.Combine(Output("bench/Probe"), "TokenBroker.Bench.Probe.dll");

    /// <summary>Null where nginx is not installed.</summary>
    public static string? Nginx { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Concat(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
        .Select(folder => Path.Combine(folder, "nginx"))
        .FirstOrDefault(File.Exists);

    private static string Program(string project, string assembly) =>
        Path.Combine(Output(project), OperatingSystem.IsWindows() ? assembly + ".exe" : assembly);

    private static string Output(string project) => Path.Combine(Root, project, "bin", Configuration, Own.Name);
}
