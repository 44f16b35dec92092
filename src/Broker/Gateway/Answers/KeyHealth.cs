using Microsoft.EntityFrameworkCore;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Gateway;

/// <summary>Notes on a key's row that the provider refused it, or that it cannot be opened, so that the portal can tell its owner. Off the path of the call.</summary>
internal sealed class KeyHealth(IServiceScopeFactory scopes, TimeProvider time, ILogger<KeyHealth> logger)
{
    public void MarkRefused(Guid keyId) => _ = MarkAsync(keyId, KeyStatus.Refused);

    public void MarkUnreadable(Guid keyId) => _ = MarkAsync(keyId, KeyStatus.CannotBeOpened);

    private async Task MarkAsync(Guid keyId, KeyStatus status)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            var now = time.GetUtcNow().UtcDateTime;
            await db.UpstreamKeys
                .Where(k => k.Id == keyId && k.Status != status)
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, status).SetProperty(k => k.CheckedAt, now));
        }
        catch (Exception exception) when (exception is System.Data.Common.DbException or ObjectDisposedException)
        {
            logger.LogWarning(exception, "That key {KeyId} is {Status} could not be noted.", keyId, status);
        }
    }
}
