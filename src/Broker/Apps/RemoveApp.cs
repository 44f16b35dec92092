using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Notices;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>
/// Takes an app out of use for good, whether its owner deletes it or it unregisters itself (RFC 7592). Every grant of it
/// is ended first, as if its user had ended it, so that open streams are cut and the log shows whose access it was;
/// whoever used it is told. An app that nobody ever allowed anything goes with its row. One with grants leaves a shell,
/// since those are people's history and name it: nobody's app, without secret, key, redirect URI or permission, so that
/// every endpoint refuses it and no list but that history shows it (<see cref="App.InUse"/>).
/// </summary>
internal sealed class RemoveApp(
    BrokerDbContext db, IOpenIddictApplicationManager apps, AuditLog audit, EndGrant endGrant, GrantChanges changes, NoticeBoard notices)
{
    /// <param name="appId">The app; whether the actor may remove it is decided before.</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Cancels between the steps; a removal that stopped halfway can be asked for again.</param>
    /// <returns>How many grants ended; null where there is no such app any more.</returns>
    public async Task<int?> RunAsync(Guid appId, string actor, CancellationToken cancellationToken)
    {
        // One transaction each: an app with many users must not hold up everybody's writes.
        var ended = 0;
        foreach (var live in await LiveAsync(appId, cancellationToken))
        {
            await db.InTransactionAsync(() => EndAsync(live, actor, cancellationToken), cancellationToken);
            changes.Publish(new GrantChange(live.GrantId, CutReason.Revoked));
            ended++;
        }

        List<Live> late = [];
        var removed = false;
        await db.InTransactionAsync(
            async () =>
            {
                if (await db.Apps.Where(App.InUse).SingleOrDefaultAsync(a => a.Id == appId, cancellationToken) is not { } app)
                {
                    return;
                }

                // Whoever allowed it meanwhile; from here on nobody can.
                late = await LiveAsync(appId, cancellationToken);
                foreach (var live in late)
                {
                    await EndAsync(live, actor, cancellationToken);
                }

                var ownerId = app.OwnerId;
                await TakeAwayAsync(app, cancellationToken);
                removed = true;
                await audit.RecordAsync(
                    "app.deleted", actor, $"app:{appId}", ownerId, new { client_id = app.ClientId, name = app.DisplayName, grants = ended + late.Count }, cancellationToken);
            },
            cancellationToken);

        // Once more, after the commit: until it, the gateway could have read them as they were.
        foreach (var live in late)
        {
            changes.Publish(new GrantChange(live.GrantId, CutReason.Revoked));
        }

        return removed ? ended + late.Count : null;
    }

    private async Task TakeAwayAsync(App app, CancellationToken cancellationToken)
    {
        // What was asked for and not answered: pushed requests and device codes have no grant that would end them.
        await db.Tokens.Where(t => t.ApplicationId == app.Id && t.AuthorizationId == null).ExecuteDeleteAsync(cancellationToken);
        await db.AppLogos.Where(l => l.AppId == app.Id).ExecuteDeleteAsync(cancellationToken);

        // What users have of its credit stays on record; nothing is called on it any more.
        await db.SponsorKeys.Where(k => k.SponsorId == app.Id).ExecuteDeleteAsync(cancellationToken);
        await db.UpstreamObjects.Where(o => o.AppId == app.Id).ExecuteDeleteAsync(cancellationToken);
        if (!await db.Grants.AnyAsync(g => g.ApplicationId == app.Id, cancellationToken))
        {
            db.Apps.Remove(app);
            return;
        }

        (app.ClientSecret, app.JsonWebKeySet, app.RegistrationTokenHash) = (null, null, null);
        (app.RedirectUris, app.Permissions, app.ClientType) = (null, null, ClientTypes.Public);
        (app.OwnerId, app.ReviewStatus, app.SubmittedAt, app.ReviewNote) = (null, ReviewStatus.Unreviewed, null, null);
        await apps.UpdateAsync(app, cancellationToken);
    }

    private Task<List<Live>> LiveAsync(Guid appId, CancellationToken cancellationToken) => db.Grants.AsNoTracking()
        .Where(g => g.ApplicationId == appId && g.Status == Statuses.Valid)

        // What was cut from a grant ends with it, and its person is told once.
        .OrderBy(g => g.ParentId != null)
        .Select(g => new Live(g.Id, g.UserId, g.Application!.DisplayName, g.Application.OwnerId))
        .ToListAsync(cancellationToken);

    private async Task EndAsync(Live live, string actor, CancellationToken cancellationToken)
    {
        if (await endGrant.RunAsync(live.GrantId, "app_deleted", actor, cancellationToken) is not null && live.UserId != live.OwnerId)
        {
            await notices.PostAsync(
                live.UserId, "grant.app_deleted", $"{live.App} was deleted by its developer, and its access has ended.", cancellationToken);
        }
    }

    private sealed record Live(Guid GrantId, Guid UserId, string? App, Guid? OwnerId);
}
