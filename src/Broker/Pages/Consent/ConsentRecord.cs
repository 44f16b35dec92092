using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Consent;

/// <summary>Records the answers at consent that change no grant. An approval is recorded with the grant that it makes.</summary>
internal sealed class ConsentRecord(BrokerDbContext db, AuditLog audit)
{
    public Task DeniedAsync(Guid userId, Guid appId, CancellationToken cancellationToken) =>
        RecordAsync("consent.denied", userId, appId, null, cancellationToken);

    /// <summary>The person said yes, and the app has all the people that it may have until it is reviewed.</summary>
    public Task FullAsync(Guid userId, Guid appId, int limit, CancellationToken cancellationToken) =>
        RecordAsync("grant.refused", userId, appId, new { reason = "tester_limit", limit }, cancellationToken);

    /// <summary>The person went on with what they had allowed before.</summary>
    public Task ConfirmedAsync(Guid userId, Guid appId, CancellationToken cancellationToken) =>
        RecordAsync("consent.confirmed", userId, appId, null, cancellationToken);

    private Task RecordAsync(string action, Guid userId, Guid appId, object? detail, CancellationToken cancellationToken) => db.InTransactionAsync(
        () => audit.RecordAsync(action, $"user:{userId}", $"app:{appId}", userId, detail, cancellationToken),
        cancellationToken);
}
