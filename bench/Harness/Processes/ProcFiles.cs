using System.Diagnostics;
using System.Globalization;

namespace TokenBroker.Bench.Processes;

/// <summary>What Linux tells of a process under <c>/proc</c>. Elsewhere only CPU time is known, of the process alone.</summary>
internal static class ProcFiles
{
    /// <summary>USER_HZ, which is 100 on every architecture that .NET runs on.</summary>
    public const int TicksPerSecond = 100;

    public static long CpuTicks(int id)
    {
        if (!OperatingSystem.IsLinux())
        {
            using var process = Process.GetProcessById(id);
            return (long)(process.TotalProcessorTime.TotalSeconds * TicksPerSecond);
        }

        // The name may hold spaces: the fields are counted from behind its parenthesis.
        var fields = FieldsOf(id);
        return fields is null ? 0 : Number(fields[11]) + Number(fields[12]);
    }

    public static IEnumerable<int> ChildrenOf(int parent)
    {
        if (!OperatingSystem.IsLinux())
        {
            yield break;
        }

        var file = $"/proc/{parent}/task/{parent}/children";
        foreach (var id in File.ReadAllText(file).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            yield return int.Parse(id, CultureInfo.InvariantCulture);
        }
    }

    public static long ProportionalBytes(int id)
    {
        var line = OperatingSystem.IsLinux()
            ? File.ReadLines($"/proc/{id}/smaps_rollup").FirstOrDefault(line => line.StartsWith("Pss:", StringComparison.Ordinal))
            : null;
        return line is null ? 0 : Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;
    }

    private static string[]? FieldsOf(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
