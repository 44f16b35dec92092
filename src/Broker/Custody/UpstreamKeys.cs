using System.Security.Cryptography;
using System.Text;
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
            LastFour = LastFourOf(secret),
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            Status = status,
            CreatedAt = now,
            CheckedAt = status == KeyStatus.Unchecked ? null : now,
        };
        db.UpstreamKeys.Add(key);
        return key;
    }

    /// <summary>
    /// Seals another secret into the same row, bound to the next generation: what uses the key goes on with it, and a
    /// row put back from before does not open. Runs inside the transaction of its audit event.
    /// </summary>
    /// <param name="key">The row as it was read.</param>
    /// <param name="secret">The new secret.</param>
    /// <param name="status">What the provider said of it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False where the row was deleted, or replaced by another request, meanwhile.</returns>
    public async Task<bool> ReplaceAsync(UpstreamKey key, Secret secret, KeyStatus status, CancellationToken cancellationToken)
    {
        var (next, now) = (key.Generation + 1, time.GetUtcNow().UtcDateTime);
        var envelope = await envelopes.SealAsync(secret, BindingOf(key.UserId, key.Id, next, key.UpstreamId), cancellationToken);
        var kekId = Envelopes.KekIdOf(envelope);
        var lastFour = LastFourOf(secret);
        DateTime? checkedAt = status == KeyStatus.Unchecked ? null : now;
        return await db.UpstreamKeys.Where(k => k.Id == key.Id && k.UserId == key.UserId && k.Generation == key.Generation)
            .ExecuteUpdateAsync(
                set => set.SetProperty(k => k.Envelope, envelope)
                    .SetProperty(k => k.KekId, kekId)
                    .SetProperty(k => k.Generation, next)
                    .SetProperty(k => k.LastFour, lastFour)
                    .SetProperty(k => k.Status, status)
                    .SetProperty(k => k.CheckedAt, checkedAt)
                    .SetProperty(k => k.ReplacedAt, now),
                cancellationToken) == 1;
    }

    /// <summary>Opens a stored key. One that does not open is marked so, for its owner to see; one that opens again loses the mark.</summary>
    /// <returns>Null where there is no such key.</returns>
    /// <exception cref="CryptographicException">The envelope does not open.</exception>
    /// <exception cref="KeyNotFoundException">No configured vault has its KEK.</exception>
    public async Task<Secret?> OpenAsync(Guid keyId, CancellationToken cancellationToken)
    {
        var row = await db.UpstreamKeys.AsNoTracking()
            .Where(k => k.Id == keyId)
            .Select(k => new { k.UserId, k.UpstreamId, k.Generation, k.Envelope, k.Status })
            .FirstOrDefaultAsync(cancellationToken);
        if (row is null)
        {
            return null;
        }

        try
        {
            var secret = await envelopes.OpenAsync(row.Envelope, BindingOf(row.UserId, keyId, row.Generation, row.UpstreamId), cancellationToken);
            if (row.Status == KeyStatus.CannotBeOpened)
            {
                await MarkAsync(keyId, row.Generation, KeyStatus.CannotBeOpened, KeyStatus.Unchecked);
            }

            return secret;
        }
        catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException)
        {
            if (row.Status != KeyStatus.CannotBeOpened)
            {
                await MarkAsync(keyId, row.Generation, row.Status, KeyStatus.CannotBeOpened);
            }

            throw;
        }
    }

    /// <summary>What the envelope of a row is bound to. The first generation has the bare id, as in format 1.</summary>
    public static EnvelopeBinding BindingOf(Guid userId, Guid keyId, int generation, string upstreamId) =>
        new(userId.ToString("N"), generation == 1 ? keyId.ToString("N") : $"{keyId:N}.{generation}", upstreamId);

    private Task<int> MarkAsync(Guid keyId, int generation, KeyStatus from, KeyStatus to) =>
        db.UpstreamKeys.Where(k => k.Id == keyId && k.Generation == generation && k.Status == from)
            .ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, to), CancellationToken.None);

    private static string LastFourOf(Secret secret) =>
        secret.Reveal(static bytes => bytes.Length >= 12 ? Encoding.UTF8.GetString(bytes[^4..]) : "");
}
