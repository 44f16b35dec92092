using System.Runtime.InteropServices;

namespace TokenBroker.Operations;

/// <summary>
/// Keeps the process's memory, and with it the keys that are open, out of files: no core dump is written, and on Linux no
/// other process of the same user may attach (prctl(2), PR_SET_DUMPABLE). Root still can.
/// </summary>
internal static class CoreDumps
{
    private const int SetDumpable = 4;
    private const int CoreLimit = 4;

    /// <summary>What asks the runtime for dumps of its own.</summary>
    private static readonly string[] Switches = ["DOTNET_DbgEnableMiniDump", "COMPlus_DbgEnableMiniDump"];

    /// <returns>What could not be switched off, for the operator; null where all is.</returns>
    public static string? SwitchOff()
    {
        if (Switches.FirstOrDefault(name => Environment.GetEnvironmentVariable(name) == "1") is { } name)
        {
            return $"The environment asks for dumps of this process ({name}=1), which would hold open keys. Unset it.";
        }

        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            return "Core dumps of this process are not switched off on this platform; they would hold open keys. Switch off error reporting for it.";
        }

        var none = default(Limit);
        var limited = SetLimit(CoreLimit, in none) == 0;
        return OperatingSystem.IsLinux() && ProcessControl(SetDumpable, 0, 0, 0, 0) != 0 ? "The system refused to switch core dumps of this process off; they would hold open keys."
            : limited ? null : "The system refused to limit core dumps of this process; they would hold open keys.";
    }

    [DllImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetLimit(int resource, in Limit limit);

    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ProcessControl(int option, nuint argument, nuint second, nuint third, nuint fourth);

    /// <summary>struct rlimit: soft and hard.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit
    {
        private readonly nuint _soft;
        private readonly nuint _hard;
    }
}
