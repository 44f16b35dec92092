using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace TokenBroker.Gateway;

/// <summary>What the memory of proofs says of one.</summary>
internal enum SeenProof
{
    New,
    Before,

    /// <summary>It may be new, and could not be remembered.</summary>
    NoRoom,
}

/// <summary>
/// The DPoP proofs that calls came with, until they are too old to be taken anyway. The invariant: of all calls with one
/// proof, one gets <see cref="SeenProof.New"/>. Room is bounded, and what is full refuses rather than forgets. It is cut
/// into parts with a lock each, by a hash that no sender can steer, so that calls do not wait for each other.
/// </summary>
internal sealed class SeenProofs
{
    private const int Parts = 64;
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly Part[] _parts;
    private readonly TimeProvider _time;

    public SeenProofs(IOptions<GatewayOptions> options, TimeProvider time)
    {
        _time = time;
        var most = Math.Max(1, options.Value.MostProofs / Parts);
        _parts = [.. Enumerable.Range(0, Parts).Select(_ => new Part(most))];
    }

    public SeenProof TryAdd(string thumbprint, string jti, DateTimeOffset expires)
    {
        var hash = HashOf(thumbprint, jti);
        return _parts[(int)(hash % Parts)].TryAdd(hash, expires.ToUnixTimeMilliseconds(), _time.GetUtcNow().ToUnixTimeMilliseconds());
    }

    /// <summary>Half of a hash is enough: nobody finds two that meet. The thumbprint's length is the same for all.</summary>
    private UInt128 HashOf(string thumbprint, string jti)
    {
        Span<byte> text = stackalloc byte[2048];
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var length = Encoding.UTF8.GetBytes(thumbprint, text);
        length += Encoding.UTF8.GetBytes(jti, text[length..]);
        HMACSHA256.HashData(_secret, text[..length], hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    private sealed class Part(int most)
    {
        private readonly Lock _lock = new();
        private readonly HashSet<UInt128> _seen = [];
        private readonly PriorityQueue<UInt128, long> _byExpiry = new();

        public SeenProof TryAdd(UInt128 hash, long expires, long now)
        {
            lock (_lock)
            {
                while (_byExpiry.TryPeek(out var oldest, out var end) && end < now)
                {
                    _byExpiry.Dequeue();
                    _seen.Remove(oldest);
                }

                if (_seen.Contains(hash))
                {
                    return SeenProof.Before;
                }

                if (_seen.Count >= most)
                {
                    return SeenProof.NoRoom;
                }

                _seen.Add(hash);
                _byExpiry.Enqueue(hash, expires);
                return SeenProof.New;
            }
        }
    }
}
