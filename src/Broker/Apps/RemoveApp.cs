using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>
/// Takes an app out of use for good: its grants end, and with them its tokens and the streams that are open. An app
/// that nobody ever allowed anything goes with its row. One with grants leaves a shell, since those are people's
/// history and name it: no secret, key, redirect URI or permission is left on it, so that every endpoint refuses it.
/// </summary>
internal sealed class RemoveApp(BrokerDbContext db, IOpenIddictApplicationManager apps, EndGrant endGrant, AuditLog audit)
{
    /// <param name="appId">The app.</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Cancels between the steps; what is done twice does no harm.</param>
    public async Task RunAsync(Guid appId, string actor, CancellationToken cancellationToken)
    {
        // Before and after: a removal that fails in the middle can be asked for again, and a grant that was approved
        // meanwhile does not survive. Not inside the transaction: the gateway is told once a grant's end is committed.
        await EndGrantsAsync(appId, actor, cancellationToken);
        await db.InTransactionAsync(
            async () =>
            {
                var app = await db.Apps.SingleAsync(a => a.Id == appId, cancellationToken);
                if (await db.Grants.AnyAsync(g => g.ApplicationId == appId, cancellationToken))
                {
                    (app.ClientSecret, app.JsonWebKeySet, app.RegistrationTokenHash) = (null, null, null);
                    (app.RedirectUris, app.Permissions, app.ClientType) = (null, null, ClientTypes.Public);
                    await apps.UpdateAsync(app, cancellationToken);
                }
                else
                {
                    // Requests that were pushed and never came back have tokens without a grant.
                    await db.Tokens.Where(t => t.ApplicationId == appId).ExecuteDeleteAsync(cancellationToken);
                    db.Apps.Remove(app);
                }

                await audit.RecordAsync(
                    "app.removed", actor, $"app:{appId}", app.OwnerId, new { client_id = app.ClientId }, cancellationToken);
            },
            cancellationToken);
        await EndGrantsAsync(appId, actor, cancellationToken);
    }

    private async Task EndGrantsAsync(Guid appId, string actor, CancellationToken cancellationToken)
    {
        var grants = await db.Grants.AsNoTracking()
            .Where(g => g.ApplicationId == appId && g.Status == Statuses.Valid)
            .Select(g => g.Id)
            .ToListAsync(cancellationToken);
        foreach (var grantId in grants)
        {
            await endGrant.RunAsync(grantId, "app_removed", actor, cancellationToken);
        }
    }
}
