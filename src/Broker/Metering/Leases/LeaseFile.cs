using System.Text;

namespace TokenBroker.Metering;

/// <summary>What a slot says of one book.</summary>
/// <param name="Key">The book.</param>
/// <param name="Reserved">What calls that were open could cost at most.</param>
/// <param name="Unstored">What calls that had ended cost, as far as no committed flush stored it.</param>
internal readonly record struct LeftBehind(BookKey Key, long Reserved, long Unstored);

/// <summary>
/// A node's open claims, in a file that is mapped into memory: the kernel keeps its pages when the process is killed,
/// whatever killed it. It does not keep them when the machine loses its power, so the file names the boot it was written
/// in, and is believed in that one only. It is locked while its node lives. Where it is missing or not believed, all
/// that the node leased counts as spent.
/// </summary>
internal sealed class LeaseFile : IDisposable
{
    public const string Folder = "nodes";
    private const int SlotsOfSegment = 4096;
    private const string Magic = "tokenbroker leases 1";

    private readonly FileStream _file;
    private readonly List<LeaseSegment> _segments = [];
    private readonly Stack<LeaseSlot> _free = [];
    private readonly Lock _lock = new();

    private LeaseFile(FileStream file) => _file = file;

    private static int SegmentBytes => SlotsOfSegment * LeaseSlot.Size;

    public static string PathOf(string directory, Guid nodeId) => Path.Combine(directory, Folder, nodeId.ToString("N") + ".leases");

    /// <summary>Makes the file of a node that starts.</summary>
    public static LeaseFile Create(string directory, Guid nodeId)
    {
        Storage.StorageSetup.CreatePrivateDirectory(Path.Combine(directory, Folder));
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var file = new LeaseFile(new FileStream(PathOf(directory, nodeId), options));
        var header = new byte[LeaseSegment.HeaderBytes];
        Encoding.ASCII.GetBytes($"{Magic}\n{Boot()}\n", header);
        file._file.Write(header);
        file._file.Flush(flushToDisk: true);
        return file;
    }

    public ILeaseSlot Take(BookKey key)
    {
        lock (_lock)
        {
            if (_free.Count == 0)
            {
                Grow();
            }

            var slot = _free.Pop();
            slot.Begin(key);
            return slot;
        }
    }

    /// <summary>What a dead node left behind.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="committed">The number of its last flush that was committed.</param>
    /// <param name="left">Empty where the file is not believed.</param>
    /// <returns>True where the file is whole and of this boot.</returns>
    /// <exception cref="IOException">The node lives.</exception>
    public static bool TryRead(string path, long committed, out List<LeftBehind> left)
    {
        left = [];
        if (!File.Exists(path))
        {
            return false;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var expected = Encoding.ASCII.GetBytes($"{Magic}\n{Boot()}\n");
        if (Boot() == "" || !bytes.AsSpan().StartsWith(expected) || (bytes.Length - LeaseSegment.HeaderBytes) % SegmentBytes != 0)
        {
            return false;
        }

        for (var at = LeaseSegment.HeaderBytes; at < bytes.Length; at += LeaseSlot.Size)
        {
            if (LeaseSlot.Read(bytes.AsSpan(at, LeaseSlot.Size), committed) is { } one)
            {
                left.Add(one);
            }
        }

        return true;
    }

    /// <summary>Whether the node of a file lives: on this machine, since the lock is.</summary>
    public static bool IsHeld(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Takes the file away: its node has nothing left to tell.</summary>
    public void Delete()
    {
        _segments.ForEach(segment => segment.Dispose());
        _file.Dispose();
        File.Delete(_file.Name);
    }

    /// <summary>Lets go of the file and leaves it. What is mapped stays so: calls that outlive the stop still end in it.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>Linux names each boot. Where none is named, no file is believed.</summary>
    private static string Boot()
    {
        const string Path = "/proc/sys/kernel/random/boot_id";
        return OperatingSystem.IsLinux() && File.Exists(Path) ? File.ReadAllText(Path).Trim() : "";
    }

    private void Grow()
    {
        // Written and not only made longer: on a full disk this fails here, and not at a store into the map.
        var start = _file.Length;
        RandomAccess.Write(_file.SafeFileHandle, new byte[SegmentBytes], start);
        var segment = new LeaseSegment(_file, start, SegmentBytes);
        _segments.Add(segment);
        for (var i = SlotsOfSegment - 1; i >= 0; i--)
        {
            _free.Push(new LeaseSlot(segment, i, Return));
        }
    }

    private void Return(LeaseSlot slot)
    {
        lock (_lock)
        {
            _free.Push(slot);
        }
    }
}
