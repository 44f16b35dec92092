using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace TokenBroker.Metering;

/// <summary>A part of the file that is mapped; it never moves.</summary>
internal sealed class LeaseSegment : IDisposable
{
    public const int HeaderBytes = 4096;
    private readonly MemoryMappedViewAccessor _view;

    public LeaseSegment(FileStream file, long start, long length)
    {
        // The view stays by itself; the map would keep the file open, and with it the lock that says that its node lives.
        using var map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        _view = map.CreateViewAccessor(start, length);
    }

    public void Write(long at, long value)
    {
        _view.Write(at, value);
        Volatile.WriteBarrier();
    }

    public void Dispose() => _view.Dispose();
}

/// <summary>
/// Two cache lines of the file: which book, what is reserved, what was settled, and the marks of its last two flushes. The
/// mark that counts is that of the highest flush that was committed; a new one replaces the older of the two, which no
/// longer counts by then, so that there is no moment at which neither is right.
/// </summary>
internal sealed class LeaseSlot(LeaseSegment segment, int number, Action<LeaseSlot> free) : ILeaseSlot
{
    public const int Size = 128;
    private const int KindAt = 8, PeriodAt = 16, IdAt = 24, ReservedAt = 40, SettledAt = 48, MarksAt = 56;
    private int _mark;
    private long _marked;

    public long Reserved
    {
        set => Write(ReservedAt, value);
    }

    public long Settled
    {
        set => Write(SettledAt, value);
    }

    /// <returns>Null for a slot that is not in use.</returns>
    public static LeftBehind? Read(ReadOnlySpan<byte> slot, long committed)
    {
        if (Word(slot, 0) != 1)
        {
            return null;
        }

        var (flush, stored) = (0L, 0L);
        for (var at = MarksAt; at < MarksAt + 32; at += 16)
        {
            if (Word(slot, at) is var number && number > flush && number <= committed)
            {
                (flush, stored) = (number, Word(slot, at + 8));
            }
        }

        var key = new BookKey(new((AccountKind)Word(slot, KindAt), new Guid(slot.Slice(IdAt, 16))), (int)Word(slot, PeriodAt));
        return new LeftBehind(key, Math.Max(0, Word(slot, ReservedAt)), Math.Max(0, Word(slot, SettledAt) - stored));
    }

    public void Begin(BookKey key)
    {
        for (var at = 0; at < Size; at += 8)
        {
            Write(at, 0);
        }

        (_mark, _marked) = (0, 0);
        Span<byte> id = stackalloc byte[16];
        key.Account.Id.TryWriteBytes(id);
        Write(KindAt, (long)key.Account.Kind);
        Write(PeriodAt, key.Period);
        Write(IdAt, BinaryPrimitives.ReadInt64LittleEndian(id));
        Write(IdAt + 8, BinaryPrimitives.ReadInt64LittleEndian(id[8..]));
        Write(0, 1);
    }

    public void Mark(long flush, long stored)
    {
        // A flush that is tried again keeps its number and its place; the number comes last, and counts once it is committed.
        _mark = flush == _marked ? _mark : 16 - _mark;
        _marked = flush;
        Write(MarksAt + _mark + 8, stored);
        Write(MarksAt + _mark, flush);
    }

    public void Free()
    {
        Write(0, 0);
        free(this);
    }

    private static long Word(ReadOnlySpan<byte> slot, int at) => BinaryPrimitives.ReadInt64LittleEndian(slot[at..]);

    private void Write(int at, long value) => segment.Write(((long)number * Size) + at, value);
}
