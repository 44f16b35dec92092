using System.Globalization;

namespace TokenBroker.Tests.Custody.Memory;

/// <summary>Reads the whole writable memory of a process, as one who may attach to it can (proc(5): maps and mem).</summary>
internal static class ProcessMemory
{
    private const int Chunk = 4 * 1024 * 1024;

    /// <summary>How often each of these stands there.</summary>
    public static int Count(int processId, params byte[][] needles)
    {
        var count = 0;
        var overlap = needles.Max(n => n.Length) - 1;
        using var memory = new FileStream($"/proc/{processId}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        var buffer = new byte[Chunk + overlap];
        foreach (var (from, to) in Regions(processId))
        {
            for (var at = from; at < to; at += Chunk)
            {
                var wanted = (int)Math.Min(buffer.Length, to - at);
                var read = Read(memory, at, buffer.AsSpan(0, wanted));
                foreach (var needle in needles)
                {
                    count += CountIn(buffer.AsSpan(0, read), needle, Chunk);
                }
            }
        }

        Array.Clear(buffer);
        return count;
    }

    private static IEnumerable<(long From, long To)> Regions(int processId)
    {
        foreach (var line in File.ReadAllLines($"/proc/{processId}/maps"))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts[1].StartsWith("rw", StringComparison.Ordinal) && !line.EndsWith("[vvar]", StringComparison.Ordinal))
            {
                var ends = parts[0].Split('-');
                yield return (long.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), long.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>A page that went away meanwhile ends the region.</summary>
    private static int Read(FileStream memory, long at, Span<byte> into)
    {
        var done = 0;
        try
        {
            while (done < into.Length && RandomAccess.Read(memory.SafeFileHandle, into[done..], at + done) is var read and > 0)
            {
                done += read;
            }
        }
        catch (IOException)
        {
            // Reserved, and never written to.
        }

        return done;
    }

    private static int CountIn(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> needle, int startsBefore)
    {
        var (count, at) = (0, 0);
        while (at < startsBefore && bytes[at..].IndexOf(needle) is var found and >= 0 && at + found < startsBefore)
        {
            count++;
            at += found + 1;
        }

        return count;
    }
}
