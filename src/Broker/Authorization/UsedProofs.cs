using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Authorization;

/// <summary>
/// Remembers the one-time values (<c>jti</c>) that the authorization server accepted. The invariant: of any number of
/// requests with the same value, at any number of processes, one INSERT succeeds and the others are replays.
/// </summary>
internal sealed class UsedProofs(BrokerDbContext db)
{
    /// <param name="kind">What sort of proof it is, so that one is never taken for another.</param>
    /// <param name="maker">Who made it: a key's thumbprint, or an app's client id.</param>
    /// <param name="jti">The value that must be new.</param>
    /// <param name="expires">From when the proof would be refused for its age; the row may go then.</param>
    /// <param name="cancellationToken">Cancels before the insert.</param>
    /// <returns>False where it was used before.</returns>
    public async Task<bool> TryUseAsync(string kind, string maker, string jti, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        var hash = HashOf(kind, maker, jti);
        var expiresAt = expires.UtcDateTime;

        // The same words in SQLite and PostgreSQL.
        var inserted = await db.Database.ExecuteSqlAsync(
            $"""INSERT INTO used_proofs ("Hash", "ExpiresAt") VALUES ({hash}, {expiresAt}) ON CONFLICT DO NOTHING""", cancellationToken);
        return inserted == 1;
    }

    /// <summary>Each part with its length before it: no two triples run together into the same bytes.</summary>
    private static byte[] HashOf(params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }
}
