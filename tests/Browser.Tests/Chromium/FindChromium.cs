using System.Diagnostics;

namespace TokenBroker.Tests.Chromium;

/// <summary>
/// A Chromium for the tests: the one that <c>CHROMIUM_PATH</c> names, else one in the usual places, else one that is
/// installed now, by apt where this user may, by Playwright's installer elsewhere. Without one the tests fail, and say how to mend it.
/// </summary>
internal static class FindChromium
{
    private const string Variable = "CHROMIUM_PATH";

    private static readonly string[] UsualPlaces =
    [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
        "/usr/bin/google-chrome-stable",
        "/opt/google/chrome/chrome",
        "/snap/bin/chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        @"C:\Program Files\Google\Chrome\Application\chrome.exe",
        @"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ];

    /// <returns>The program's path, or null for the one that Playwright keeps itself.</returns>
    /// <exception cref="InvalidOperationException">There is none, and none could be installed.</exception>
    public static async Task<string?> PathAsync()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            return File.Exists(named) ? named : throw new InvalidOperationException($"{Variable} names {named}, which does not exist.");
        }

        if (UsualPlaces.FirstOrDefault(File.Exists) is { } found)
        {
            return found;
        }

        var log = "";
        if (OperatingSystem.IsLinux() && Environment.UserName == "root" && File.Exists("/usr/bin/apt-get"))
        {
            log += await RunAsync("apt-get", "update");
            log += await RunAsync("apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core");
            if (UsualPlaces.FirstOrDefault(File.Exists) is { } installed)
            {
                return installed;
            }
        }

        if (Microsoft.Playwright.Program.Main(["install", "chromium"]) == 0)
        {
            return null;
        }

        throw new InvalidOperationException(
            $"The browser tests need a Chromium. Install one (Debian: 'apt-get install chromium'), or set {Variable} to its path.\n{log}");
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{await output}{await errors}\n";
    }
}
