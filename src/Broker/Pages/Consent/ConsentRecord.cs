using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Consent;

/// <summary>Records a refusal at consent. An approval is recorded with the grant that it makes.</summary>
internal sealed class ConsentRecord(BrokerDbContext db, AuditLog audit)
{
    public Task DeniedAsync(Guid userId, Guid appId, CancellationToken cancellationToken) => db.InTransactionAsync(
        () => audit.RecordAsync("consent.denied", $"user:{userId}", $"app:{appId}", userId, null, cancellationToken),
        cancellationToken);
}
