using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// Deletes a user's upstream key, and with the row its wrapped data key: nothing here opens the ciphertext of a backup
/// again. Grants that used it stay, but every call under them is refused and their open streams end.
/// </summary>
internal sealed class RemoveKey(BrokerDbContext db, AuditLog audit, OpenKeys openKeys, GrantChanges changes)
{
    /// <returns>How many live grants lost their key; null where the user has no such key.</returns>
    public async Task<int?> RunAsync(Guid keyId, Guid userId, CancellationToken cancellationToken)
    {
        List<Guid>? affected = null;
        await db.InTransactionAsync(
            async () =>
            {
                var grants = await db.Grants
                    .Where(g => g.UpstreamKeyId == keyId && g.UserId == userId && g.Status == OpenIddictConstants.Statuses.Valid)
                    .Select(g => g.Id)
                    .ToListAsync(cancellationToken);
                await db.Grants.Where(g => g.UpstreamKeyId == keyId && g.UserId == userId)
                    .ExecuteUpdateAsync(
                        set => set.SetProperty(g => g.UpstreamKeyId, (Guid?)null).SetProperty(g => g.Revision, g => g.Revision + 1),
                        cancellationToken);
                if (await db.UpstreamKeys.Where(k => k.Id == keyId && k.UserId == userId).ExecuteDeleteAsync(cancellationToken) == 0)
                {
                    return;
                }

                affected = grants;
                await audit.RecordAsync(
                    "key.deleted", $"user:{userId}", $"key:{keyId}", userId, new { grants = grants.Count }, cancellationToken);
            },
            cancellationToken);

        if (affected is null)
        {
            return null;
        }

        openKeys.Drop(keyId);
        foreach (var grantId in affected)
        {
            changes.Publish(new GrantChange(grantId, CutReason.KeyRemoved));
        }

        return affected.Count;
    }
}
