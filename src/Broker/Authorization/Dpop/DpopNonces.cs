using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// The nonces that proofs must carry (RFC 9449, sections 8 and 9): the time of their making, sealed, so that nothing is
/// stored. They keep a thief from signing proofs ahead of time on a device that he holds for a moment. One is given to
/// everybody for half a minute, which makes giving and checking them cheap: what is known good is compared, not opened.
/// </summary>
internal sealed class DpopNonces(IDataProtector protector, TimeProvider time)
{
    /// <summary>How long a nonce is good for.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private const int LongestNonce = 512;
    private static readonly TimeSpan s_sharedFor = TimeSpan.FromSeconds(30);

    /// <summary>Holds nonces of ours alone, so it cannot be filled from outside.</summary>
    private readonly ConcurrentDictionary<string, DateTimeOffset> _known = new(StringComparer.Ordinal);
    private readonly Lock _making = new();
    private Shared? _current;

    /// <summary>The nonce to hand out now.</summary>
    public string Current
    {
        get
        {
            var now = time.GetUtcNow();
            if (Volatile.Read(ref _current) is { } current && IsFresh(current, now))
            {
                return current.Nonce;
            }

            lock (_making)
            {
                if (_current is null || !IsFresh(_current, now))
                {
                    Volatile.Write(ref _current, Make(now));
                }

                return _current!.Nonce;
            }
        }
    }

    /// <param name="nonce">What a proof carried.</param>
    /// <param name="isAgeing">True where more than half of its life is over: the answer should bring the next.</param>
    /// <returns>False for what is not ours, and for what is too old.</returns>
    public bool IsGood(string? nonce, out bool isAgeing)
    {
        isAgeing = false;
        if (nonce is not { Length: > 0 and <= LongestNonce } || MadeAt(nonce) is not { } madeAt)
        {
            return false;
        }

        var age = time.GetUtcNow() - madeAt;
        isAgeing = age > Lifetime / 2;
        return age <= Lifetime;
    }

    private DateTimeOffset? MadeAt(string nonce)
    {
        if (_known.TryGetValue(nonce, out var known))
        {
            return known;
        }

        try
        {
            var opened = protector.Unprotect(Base64Url.DecodeFromChars(nonce));
            var madeAt = DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(opened));
            _known[nonce] = madeAt;
            return madeAt;
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            return null;
        }
    }

    private Shared Make(DateTimeOffset now)
    {
        foreach (var (old, madeAt) in _known)
        {
            if (now - madeAt > Lifetime)
            {
                _known.TryRemove(old, out _);
            }
        }

        Span<byte> stamp = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(stamp, now.ToUnixTimeMilliseconds());
        var made = new Shared(Base64Url.EncodeToString(protector.Protect(stamp.ToArray())), now);
        _known[made.Nonce] = now;
        return made;
    }

    private static bool IsFresh(Shared shared, DateTimeOffset now) => now - shared.MadeAt < s_sharedFor && now >= shared.MadeAt;

    private sealed record Shared(string Nonce, DateTimeOffset MadeAt);
}
