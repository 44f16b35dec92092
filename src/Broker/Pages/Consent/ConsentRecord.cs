using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Consent;

/// <summary>Records the answers at consent that change no grant. An approval is recorded with the grant that it makes.</summary>
internal sealed class ConsentRecord(BrokerDbContext db, AuditLog audit)
{
    public Task DeniedAsync(Guid userId, Guid appId, CancellationToken cancellationToken) =>
        RecordAsync("consent.denied", userId, appId, cancellationToken);

    /// <summary>The person went on with what they had allowed before.</summary>
    public Task ConfirmedAsync(Guid userId, Guid appId, CancellationToken cancellationToken) =>
        RecordAsync("consent.confirmed", userId, appId, cancellationToken);

    private Task RecordAsync(string action, Guid userId, Guid appId, CancellationToken cancellationToken) => db.InTransactionAsync(
        () => audit.RecordAsync(action, $"user:{userId}", $"app:{appId}", userId, null, cancellationToken),
        cancellationToken);
}
