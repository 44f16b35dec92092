using CsCheck;

namespace TokenBroker.Tests.Gateway;

/// <summary>Cuts bytes into chunks as a network does: anywhere.</summary>
internal static class Splitting
{
    /// <summary>Lengths of chunks; the last one repeats until the bytes are used up.</summary>
    public static Gen<int[]> Lengths { get; } = Gen.Frequency((3, Gen.Int[1, 4]), (2, Gen.Int[1, 60]), (1, Gen.Int[1, 5_000])).Array[1, 40];

    public static IEnumerable<ReadOnlyMemory<byte>> Chunks(ReadOnlyMemory<byte> bytes, int[] lengths)
    {
        for (var i = 0; bytes.Length > 0; i++)
        {
            var length = Math.Min(bytes.Length, lengths[Math.Min(i, lengths.Length - 1)]);
            yield return bytes[..length];
            bytes = bytes[length..];
        }
    }

    /// <summary>A stream that hands out one chunk at each read.</summary>
    public static Stream Stream(ReadOnlyMemory<byte> bytes, int[] lengths) => new ChunkStream(new Queue<ReadOnlyMemory<byte>>(Chunks(bytes, lengths)));

    private sealed class ChunkStream(Queue<ReadOnlyMemory<byte>> chunks) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length == 0 || !chunks.TryPeek(out var chunk))
            {
                return new(0);
            }

            var length = Math.Min(buffer.Length, chunk.Length);
            chunk[..length].CopyTo(buffer);
            chunks.Dequeue();
            if (chunk.Length > length)
            {
                var rest = chunks.ToArray();
                chunks.Clear();
                chunks.Enqueue(chunk[length..]);
                Array.ForEach(rest, chunks.Enqueue);
            }

            return new(length);
        }
    }
}
