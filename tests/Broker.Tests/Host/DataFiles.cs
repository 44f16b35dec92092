using System.Diagnostics;

namespace TokenBroker.Tests.Host;

/// <summary>Reads the files of a broker that runs. It holds some of them for itself alone, which binds those who ask; a thief does not.</summary>
internal static class DataFiles
{
    public static byte[] Read(string path)
    {
        using var cat = Process.Start(new ProcessStartInfo("cat", [path]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using var memory = new MemoryStream();
        cat.StandardOutput.BaseStream.CopyTo(memory);
        cat.WaitForExit();
        return cat.ExitCode == 0 ? memory.ToArray() : throw new IOException($"{path} could not be read.");
    }
}
