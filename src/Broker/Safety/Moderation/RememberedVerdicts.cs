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
    private const int Most = 20_000;
    private readonly ConcurrentDictionary<UInt128, (string[] Categories, DateTimeOffset Until)> _verdicts = new();

    /// <returns>The categories that the text is flagged for, or null where it is not known.</returns>
    public string[]? Find(Guid userId, string text) =>
        _verdicts.TryGetValue(HashOf(userId, text), out var known) && known.Until > time.GetUtcNow() ? known.Categories : null;

    public void Add(Guid userId, string text, string[] categories)
    {
        if (options.Value.RememberFor <= TimeSpan.Zero)
        {
            return;
        }

        var now = time.GetUtcNow();
        if (_verdicts.Count >= Most)
        {
            foreach (var old in _verdicts.Where(pair => pair.Value.Until <= now).ToList())
            {
                _verdicts.TryRemove(old);
            }
        }

        if (_verdicts.Count < Most)
        {
            _verdicts[HashOf(userId, text)] = (categories, now + options.Value.RememberFor);
        }
    }

    private static UInt128 HashOf(Guid userId, string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.Unicode.GetBytes(userId.ToString("N") + text), hash);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}
