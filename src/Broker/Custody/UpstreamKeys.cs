using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>
/// Stores, opens and shreds users' upstream keys. Plain text exists only between the form and the envelope, and
/// between the envelope and <see cref="OpenKeys"/>. Deleting a row destroys its wrapped DEK: what a backup still
/// holds of the ciphertext is then opened only with that backup's own row and the vault together.
/// </summary>
internal sealed class UpstreamKeys(BrokerDbContext db, Envelopes envelopes, TimeProvider time)
{
    /// <summary>Seals the secret and adds the row; the caller saves, in the transaction of its audit event.</summary>
    public async Task<UpstreamKey> AddAsync(
        Guid userId, string upstreamId, string label, Secret secret, KeyStatus status, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7(time.GetUtcNow());
        var now = time.GetUtcNow().UtcDateTime;
        var envelope = await envelopes.SealAsync(secret, BindingOf(userId, id, 1, upstreamId), cancellationToken);
        var key = new UpstreamKey
        {
            Id = id,
            UserId = userId,
            UpstreamId = upstreamId,
            Label = label,
            LastFour = secret.RevealText() is { Length: >= 12 } text ? text[^4..] : "",
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            Status = status,
            CreatedAt = now,
            CheckedAt = status == KeyStatus.Unchecked ? null : now,
        };
        db.UpstreamKeys.Add(key);
        return key;
    }

    /// <summary>Opens a stored key.</summary>
    /// <returns>Null where there is no such key.</returns>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The envelope does not open.</exception>
    public async Task<Secret?> OpenAsync(Guid keyId, CancellationToken cancellationToken)
    {
        var row = await db.UpstreamKeys.AsNoTracking()
            .Where(k => k.Id == keyId)
            .Select(k => new { k.UserId, k.UpstreamId, k.Generation, k.Envelope })
            .FirstOrDefaultAsync(cancellationToken);
        return row is null
            ? null
            : await envelopes.OpenAsync(row.Envelope, BindingOf(row.UserId, keyId, row.Generation, row.UpstreamId), cancellationToken);
    }

    /// <summary>What the envelope of a row is bound to. The first generation has the bare id, as in format 1.</summary>
    public static EnvelopeBinding BindingOf(Guid userId, Guid keyId, int generation, string upstreamId) =>
        new(userId.ToString("N"), generation == 1 ? keyId.ToString("N") : $"{keyId:N}.{generation}", upstreamId);
}
