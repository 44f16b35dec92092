using System.Diagnostics;

namespace TokenBroker.Tests.Host;

/// <summary>Reads the files of a broker that runs. It holds some of them for itself alone, which binds those who ask; a thief does not.</summary>
internal static class DataFiles
{
    /// <returns>Null where it is gone: the database's side files come and go while it is in use.</returns>
    /// <exception cref="IOException">It is there and cannot be read.</exception>
    public static byte[]? Read(string path)
    {
        var start = new ProcessStartInfo("cat", [path]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["LC_ALL"] = "C";
        using var cat = Process.Start(start)!;
        using var memory = new MemoryStream();
        cat.StandardOutput.BaseStream.CopyTo(memory);
        var complaint = cat.StandardError.ReadToEnd();
        cat.WaitForExit();
        return cat.ExitCode == 0 ? memory.ToArray()
            : complaint.Contains("No such file", StringComparison.Ordinal) ? null
            : throw new IOException($"{path} could not be read: {complaint}");
    }
}
