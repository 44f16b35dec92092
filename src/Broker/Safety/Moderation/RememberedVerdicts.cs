using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace TokenBroker.Safety;

/// <summary>
/// Verdicts on texts, for a minute: each turn of a conversation sends all turns before it. Only hashes are kept, and a
/// person meets only what they sent themselves, so that nobody learns from a quick answer what others wrote.
/// </summary>
internal sealed class RememberedVerdicts(IOptions<ModerationOptions> options, TimeProvider time)
{
    /// <summary>Of each of two generations: when the young one is full it becomes the old one, whose verdicts are let go.</summary>
    private const int MostOfGeneration = 10_000;
    private readonly Lock _gate = new();
    private ConcurrentDictionary<UInt128, (string[] Categories, DateTimeOffset Until)> _young = new();
    private ConcurrentDictionary<UInt128, (string[] Categories, DateTimeOffset Until)> _old = new();

    /// <returns>The categories that the text is flagged for, or null where it is not known.</returns>
    public string[]? Find(Guid userId, string text)
    {
        var hash = HashOf(userId, text);
        return (_young.TryGetValue(hash, out var known) || _old.TryGetValue(hash, out known)) && known.Until > time.GetUtcNow() ? known.Categories : null;
    }

    public void Add(Guid userId, string text, string[] categories)
    {
        if (options.Value.RememberFor <= TimeSpan.Zero)
        {
            return;
        }

        _young[HashOf(userId, text)] = (categories, time.GetUtcNow() + options.Value.RememberFor);
        if (_young.Count < MostOfGeneration)
        {
            return;
        }

        lock (_gate)
        {
            if (_young.Count >= MostOfGeneration)
            {
                (_old, _young) = (_young, new());
            }
        }
    }

    private static UInt128 HashOf(Guid userId, string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.Unicode.GetBytes(userId.ToString("N") + text), hash);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}
