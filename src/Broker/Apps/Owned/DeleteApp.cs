using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Owned;

/// <summary>
/// Deletes an app of its owner. Every grant of it is ended first, each as if its user had ended it, so that open
/// streams are cut and the log shows whose access it was; users are told, since the row leaves their portal. What was
/// spent under the grants stays counted.
/// </summary>
internal sealed class DeleteApp(BrokerDbContext db, AuditLog audit, EndGrant endGrant, GrantChanges changes, NoticeBoard notices)
{
    /// <returns>How many grants ended; null where the owner has no such app.</returns>
    public async Task<int?> RunAsync(Guid ownerId, string clientId, CancellationToken cancellationToken)
    {
        var app = await db.Apps.AsNoTracking().FirstOrDefaultAsync(a => a.OwnerId == ownerId && a.ClientId == clientId, cancellationToken);
        if (app is null)
        {
            return null;
        }

        // One transaction each: an app with many users must not hold up everybody's writes.
        var ended = 0;
        foreach (var (grantId, userId) in await LiveAsync(app.Id, cancellationToken))
        {
            await EndAsync(app, grantId, userId, cancellationToken);

            // Once more, after the commit: until it, the gateway could have read the grant as it was.
            changes.Publish(new GrantChange(grantId, CutReason.Revoked));
            ended++;
        }

        List<(Guid GrantId, Guid UserId)> late = [];
        var deleted = 0;
        await db.InTransactionAsync(
            async () =>
            {
                // Whoever allowed it meanwhile; from here on nobody can.
                late = await LiveAsync(app.Id, cancellationToken);
                foreach (var (grantId, userId) in late)
                {
                    await EndAsync(app, grantId, userId, cancellationToken);
                }

                await db.Tokens.Where(t => t.ApplicationId == app.Id).ExecuteDeleteAsync(cancellationToken);
                await db.Grants.Where(g => g.ApplicationId == app.Id).ExecuteDeleteAsync(cancellationToken);
                deleted = await db.Apps.Where(a => a.Id == app.Id && a.OwnerId == ownerId).ExecuteDeleteAsync(cancellationToken);
                if (deleted == 1)
                {
                    await audit.RecordAsync(
                        "app.deleted", $"user:{ownerId}", $"app:{app.Id}", ownerId,
                        new { client_id = clientId, name = app.DisplayName, grants = ended + late.Count }, cancellationToken);
                }
            },
            cancellationToken);

        // As above.
        foreach (var (grantId, _) in late)
        {
            changes.Publish(new GrantChange(grantId, CutReason.Revoked));
        }

        return deleted == 1 ? ended + late.Count : null;
    }

    private async Task<List<(Guid GrantId, Guid UserId)>> LiveAsync(Guid appId, CancellationToken cancellationToken) =>
        [.. (await db.Grants.AsNoTracking()
            .Where(g => g.ApplicationId == appId && g.Status == OpenIddictConstants.Statuses.Valid)

            // What was cut from a grant ends with it, and its person is told once.
            .OrderBy(g => g.ParentId != null)
            .Select(g => new { g.Id, g.UserId })
            .ToListAsync(cancellationToken)).Select(g => (g.Id, g.UserId))];

    private Task EndAsync(App app, Guid grantId, Guid userId, CancellationToken cancellationToken) => db.InTransactionAsync(
        async () =>
        {
            if (await endGrant.RunAsync(grantId, "app_deleted", $"user:{app.OwnerId}", cancellationToken) is not null && userId != app.OwnerId)
            {
                await notices.PostAsync(userId, "grant.app_deleted", $"{app.DisplayName} was deleted by its developer, and its access has ended.", cancellationToken);
            }
        },
        cancellationToken);
}
