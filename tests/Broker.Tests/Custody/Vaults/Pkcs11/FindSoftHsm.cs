using System.Diagnostics;

namespace TokenBroker.Tests.Custody.Vaults.Pkcs11;

/// <summary>softhsm2's library: one in the usual places, else one that is installed now by apt, where this user may. Without one the tests fail, and say how to mend it.</summary>
internal static class FindSoftHsm
{
    private static readonly string[] UsualPlaces =
    [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ];

    private static readonly Lazy<string> Found = new(Find);

    /// <exception cref="InvalidOperationException">There is none, and none could be installed.</exception>
    public static string Library => Found.Value;

    private static string Find()
    {
        var log = "";
        if (!UsualPlaces.Any(File.Exists) && OperatingSystem.IsLinux() && Environment.UserName == "root" && File.Exists("/usr/bin/apt-get"))
        {
            log = Run("apt-get", "update") + Run("apt-get", "install", "-y", "--no-install-recommends", "softhsm2");
        }

        var found = UsualPlaces.FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"The tests of the PKCS#11 vault need softhsm2. Install it (Debian: 'apt-get install softhsm2').\n{log}");
        return File.ResolveLinkTarget(found, returnFinalTarget: true)?.FullName ?? found;
    }

    private static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("sh", ["-c", "exec \"$@\" 2>&1", "sh", program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{said}\n";
    }
}
