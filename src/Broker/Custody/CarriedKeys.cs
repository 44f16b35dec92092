using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>
/// Keys that are never stored so that the broker alone could open them. What is in the database opens with the vault and
/// the carrier together, and the carrier is in one token: no live token, no key. Each token has its own carrier, so that
/// the key ends with the last of them.
/// </summary>
internal sealed class CarriedKeys(BrokerDbContext db, Envelopes envelopes, TimeProvider time)
{
    /// <summary>Seals the key for one token. The caller adds the row, in the transaction that issues the token.</summary>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async Task<(CarriedKey Row, Carrier Carrier)> SealAsync(Guid grantId, Secret key, DateTime expiresAt, CancellationToken cancellationToken)
    {
        var carrier = Carrier.New(Guid.CreateVersion7(time.GetUtcNow()));
        return (await SealAsync(grantId, key, carrier, expiresAt, cancellationToken), carrier);
    }

    /// <inheritdoc cref="SealAsync(Guid, Secret, DateTime, CancellationToken)"/>
    public async Task<CarriedKey> SealAsync(Guid grantId, Secret key, Carrier carrier, DateTime expiresAt, CancellationToken cancellationToken)
    {
        var envelope = await envelopes.SealAsync(key, BindingOf(grantId, carrier.RowId), cancellationToken, carrier.Secret);
        return new CarriedKey { Id = carrier.RowId, GrantId = grantId, Envelope = envelope, KekId = Envelopes.KekIdOf(envelope), ExpiresAt = expiresAt };
    }

    /// <summary>Opens what a token carries.</summary>
    /// <returns>Null where it has ended.</returns>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The carrier is not this row's.</exception>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async Task<Secret?> OpenAsync(Carrier carrier, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var row = await db.CarriedKeys.AsNoTracking()
            .FirstOrDefaultAsync(k => k.Id == carrier.RowId && k.ExpiresAt > now, cancellationToken);
        return row is null ? null : await envelopes.OpenAsync(row.Envelope, BindingOf(row.GrantId, row.Id), cancellationToken, carrier.Secret);
    }

    /// <summary>What the envelope of a row is bound to.</summary>
    public static EnvelopeBinding BindingOf(Guid grantId, Guid id) => new($"grant:{grantId:N}", id.ToString("N"), "carried");
}
