using Microsoft.EntityFrameworkCore;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Gateway;

/// <summary>Notes on a key's row that the provider refused it, so that the portal can tell its owner. Off the path of the call.</summary>
internal sealed class KeyHealth(IServiceScopeFactory scopes, TimeProvider time, ILogger<KeyHealth> logger)
{
    public void MarkRefused(Guid keyId) => _ = MarkAsync(keyId);

    private async Task MarkAsync(Guid keyId)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            var now = time.GetUtcNow().UtcDateTime;
            await db.UpstreamKeys
                .Where(k => k.Id == keyId && k.Status != KeyStatus.Refused)
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, KeyStatus.Refused).SetProperty(k => k.CheckedAt, now));
            await db.SponsorKeys.Where(k => k.Id == keyId).ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, KeyStatus.Refused));
        }
        catch (Exception exception) when (exception is System.Data.Common.DbException or ObjectDisposedException)
        {
            logger.LogWarning(exception, "Key {KeyId} was refused by its provider; its status could not be noted.", keyId);
        }
    }
}
