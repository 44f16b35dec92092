using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>Holds a grant: calls are refused and open streams end, but tokens live on and work again once it is resumed.</summary>
internal sealed class PauseGrant(BrokerDbContext db, AuditLog audit, GrantChanges changes, TimeProvider time)
{
    /// <returns>False where the user has no such live grant, or it is already as asked.</returns>
    public async Task<bool> RunAsync(Guid grantId, Guid userId, bool pause, CancellationToken cancellationToken)
    {
        DateTime? pausedAt = pause ? time.GetUtcNow().UtcDateTime : null;
        var changed = false;
        await db.InTransactionAsync(
            async () =>
            {
                changed = await db.Grants
                    .Where(g => g.Id == grantId && g.UserId == userId && g.Status == OpenIddictConstants.Statuses.Valid
                        && (g.PausedAt == null) == pause)
                    .ExecuteUpdateAsync(
                        set => set.SetProperty(g => g.PausedAt, pausedAt).SetProperty(g => g.Revision, g => g.Revision + 1),
                        cancellationToken) == 1;
                if (changed)
                {
                    await audit.RecordAsync(
                        pause ? "grant.paused" : "grant.resumed", $"user:{userId}", $"grant:{grantId}", userId, null, cancellationToken);
                }
            },
            cancellationToken);

        if (changed)
        {
            changes.Publish(new GrantChange(grantId, pause ? CutReason.Paused : null));
        }

        return changed;
    }
}
