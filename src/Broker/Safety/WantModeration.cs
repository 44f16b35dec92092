using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>Switches moderation on or off for a person's own calls, or by an app's owner for the app. It holds from the next call on.</summary>
internal sealed class WantModeration(BrokerDbContext db, AuditLog audit, GrantChanges changes)
{
    public async Task OfUserAsync(Guid userId, bool wants, CancellationToken cancellationToken)
    {
        List<Guid> grants = [];
        await db.InTransactionAsync(
            async () =>
            {
                if (await db.Users.Where(u => u.Id == userId && u.WantsModeration != wants).ExecuteUpdateAsync(set => set.SetProperty(u => u.WantsModeration, wants), cancellationToken) == 1)
                {
                    await audit.RecordAsync("safety.moderation_set", $"user:{userId}", $"user:{userId}", userId, new { wants }, cancellationToken);
                    grants = await TouchAsync(db.Grants.Where(g => g.UserId == userId), cancellationToken);
                }
            },
            cancellationToken);
        Publish(grants);
    }

    /// <returns>False where the person has no such app.</returns>
    public async Task<bool> OfAppAsync(Guid ownerId, string clientId, bool wants, CancellationToken cancellationToken)
    {
        List<Guid>? grants = null;
        await db.InTransactionAsync(
            async () =>
            {
                if (await db.Apps.Where(a => a.ClientId == clientId && a.OwnerId == ownerId).Select(a => (Guid?)a.Id).FirstOrDefaultAsync(cancellationToken) is not { } appId)
                {
                    return;
                }

                grants = [];
                if (await db.Apps.Where(a => a.Id == appId && a.WantsModeration != wants).ExecuteUpdateAsync(set => set.SetProperty(a => a.WantsModeration, wants), cancellationToken) == 1)
                {
                    await audit.RecordAsync("safety.moderation_set", $"user:{ownerId}", $"app:{appId}", ownerId, new { wants }, cancellationToken);
                    grants = await TouchAsync(db.Grants.Where(g => g.ApplicationId == appId), cancellationToken);
                }
            },
            cancellationToken);
        Publish(grants ?? []);
        return grants is not null;
    }

    private static async Task<List<Guid>> TouchAsync(IQueryable<Grant> grants, CancellationToken cancellationToken)
    {
        grants = grants.Where(g => g.Status == OpenIddictConstants.Statuses.Valid);
        await grants.ExecuteUpdateAsync(set => set.SetProperty(g => g.Revision, g => g.Revision + 1), cancellationToken);
        return await grants.Select(g => g.Id).ToListAsync(cancellationToken);
    }

    private void Publish(List<Guid> grants)
    {
        foreach (var id in grants)
        {
            changes.Publish(new GrantChange(id, null));
        }
    }
}
