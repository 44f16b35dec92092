using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>Seals and opens the keys of sponsors. A replaced key is another row, so that one put back from before has no grant that finds it.</summary>
internal sealed class SponsorKeys(BrokerDbContext db, Envelopes envelopes, TimeProvider time)
{
    /// <summary>Seals the secret into a row; the caller adds it, in the transaction of its audit event. The vault is asked before that begins.</summary>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async Task<SponsorKey> SealAsync(Guid sponsorId, string upstreamId, Secret secret, KeyStatus status, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7(time.GetUtcNow());
        var envelope = await envelopes.SealAsync(secret, BindingOf(sponsorId, id, upstreamId), cancellationToken);
        return new SponsorKey
        {
            Id = id,
            SponsorId = sponsorId,
            UpstreamId = upstreamId,
            LastFour = UpstreamKeys.LastFourOf(secret),
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            Status = status,
            CreatedAt = time.GetUtcNow().UtcDateTime,
        };
    }

    /// <returns>Null where there is no such key.</returns>
    /// <exception cref="CryptographicException">The envelope does not open.</exception>
    /// <exception cref="KeyNotFoundException">No configured vault has its KEK.</exception>
    public async Task<Secret?> OpenAsync(Guid keyId, CancellationToken cancellationToken)
    {
        if (await db.SponsorKeys.AsNoTracking().FirstOrDefaultAsync(k => k.Id == keyId, cancellationToken) is not { } row)
        {
            return null;
        }

        try
        {
            return await envelopes.OpenAsync(row.Envelope, BindingOf(row.SponsorId, row.Id, row.UpstreamId), cancellationToken);
        }
        catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException)
        {
            await db.SponsorKeys.Where(k => k.Id == keyId).ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, KeyStatus.CannotBeOpened), CancellationToken.None);
            throw;
        }
    }

    /// <summary>What the envelope of a row is bound to. No user's key has such an owner.</summary>
    public static EnvelopeBinding BindingOf(Guid sponsorId, Guid keyId, string upstreamId) => new($"sponsor:{sponsorId:N}", keyId.ToString("N"), upstreamId);
}
