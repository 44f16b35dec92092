using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TokenBroker.Gateway;

/// <summary>Names of calls: version 7 UUIDs (RFC 9562), so that a later one sorts behind. Their randomness is drawn for many at a time: a call would pay a system call for it.</summary>
internal static class CallId
{
    private const int RandomBytes = 10;
    private const int Drawn = 100 * RandomBytes;

    [ThreadStatic]
    private static byte[]? t_random;

    [ThreadStatic]
    private static int t_used;

    public static Guid New(DateTimeOffset at)
    {
        var random = t_random;
        if (random is null || t_used == Drawn)
        {
            RandomNumberGenerator.Fill(random ??= new byte[Drawn]);
            (t_random, t_used) = (random, 0);
        }

        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(id, at.ToUnixTimeMilliseconds() << 16);
        random.AsSpan(t_used, RandomBytes).CopyTo(id[6..]);
        t_used += RandomBytes;
        id[6] = (byte)((id[6] & 0x0F) | 0x70);
        id[8] = (byte)((id[8] & 0x3F) | 0x80);
        return new Guid(id, bigEndian: true);
    }
}
