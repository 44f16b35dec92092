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
    /// <summary>Seals the secret into a row; the caller adds it, in the transaction of its audit event. The vault is asked before that begins.</summary>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async Task<UpstreamKey> SealAsync(
        Guid userId, string upstreamId, string label, Secret secret, KeyStatus status, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7(time.GetUtcNow());
        var now = time.GetUtcNow().UtcDateTime;
        var envelope = await envelopes.SealAsync(secret, BindingOf(userId, id, 1, upstreamId), cancellationToken);
        return new UpstreamKey
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
    }

    /// <summary>
    /// Seals another secret for the same row, bound to the next generation: what uses the key goes on with it, and a row put
    /// back from before does not open.
    /// </summary>
    /// <param name="key">The row as it was read.</param>
    /// <param name="secret">The new secret.</param>
    /// <param name="status">What the provider said of it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The row as <see cref="ReplaceAsync"/> writes it.</returns>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async Task<UpstreamKey> SealNextAsync(UpstreamKey key, Secret secret, KeyStatus status, CancellationToken cancellationToken)
    {
        var (generation, now) = (key.Generation + 1, time.GetUtcNow().UtcDateTime);
        var envelope = await envelopes.SealAsync(secret, BindingOf(key.UserId, key.Id, generation, key.UpstreamId), cancellationToken);
        return new UpstreamKey
        {
            Id = key.Id,
            UserId = key.UserId,
            UpstreamId = key.UpstreamId,
            Label = key.Label,
            LastFour = LastFourOf(secret),
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            Generation = generation,
            Status = status,
            CreatedAt = key.CreatedAt,
            ReplacedAt = now,
            CheckedAt = status == KeyStatus.Unchecked ? null : now,
        };
    }

    /// <summary>Puts the next generation in the place of the one before. Runs inside the transaction of its audit event.</summary>
    /// <returns>False where the row was deleted, or replaced by another request, meanwhile.</returns>
    public async Task<bool> ReplaceAsync(UpstreamKey next, CancellationToken cancellationToken) =>
        await db.UpstreamKeys.Where(k => k.Id == next.Id && k.UserId == next.UserId && k.Generation == next.Generation - 1)
            .ExecuteUpdateAsync(
                set => set.SetProperty(k => k.Envelope, next.Envelope)
                    .SetProperty(k => k.KekId, next.KekId)
                    .SetProperty(k => k.Generation, next.Generation)
                    .SetProperty(k => k.LastFour, next.LastFour)
                    .SetProperty(k => k.Status, next.Status)
                    .SetProperty(k => k.CheckedAt, next.CheckedAt)
                    .SetProperty(k => k.ReplacedAt, next.ReplacedAt),
                cancellationToken) == 1;

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

    /// <summary>All that is ever shown of a key; nothing of a short one.</summary>
    public static string LastFourOf(Secret secret) =>
        secret.Reveal(static bytes => bytes.Length >= 12 ? Encoding.UTF8.GetString(bytes[^4..]) : "");

    private Task<int> MarkAsync(Guid keyId, int generation, KeyStatus from, KeyStatus to) =>
        db.UpstreamKeys.Where(k => k.Id == keyId && k.Generation == generation && k.Status == from)
            .ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, to), CancellationToken.None);
}
