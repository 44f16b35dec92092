using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// Ends a grant for good: its row, those of the grants that were cut from it, every code and token under them, and the
/// streams that are open, and keys that its tokens carried. Whether the user
/// revokes in the portal, the app revokes its refresh token (RFC 7009), or a replayed code or refresh token shows
/// that one was stolen, it comes here, so that no path leaves a part alive.
/// </summary>
internal sealed class EndGrant(BrokerDbContext db, AuditLog audit, ReuseNotices reuse, GrantChanges changes, TimeProvider time)
{
    /// <param name="grantId">The grant to end.</param>
    /// <param name="reason">As the audit log shows it: <c>user</c>, <c>app</c>, <c>code_replay</c>, <c>refresh_token_reuse</c>, ...</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <returns>How many codes and tokens died; null where the grant had ended before.</returns>
    public async Task<long?> RunAsync(Guid grantId, string reason, string actor, CancellationToken cancellationToken)
    {
        long? tokens = null;
        List<Guid> line = [grantId];
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                line = [grantId, .. await Descent.LiveBelowAsync(db, grantId, now, cancellationToken)];
                var ended = await db.Grants
                    .Where(g => line.Contains(g.Id) && g.Status == OpenIddictConstants.Statuses.Valid)
                    .ExecuteUpdateAsync(
                        set => set
                            .SetProperty(g => g.Status, OpenIddictConstants.Statuses.Revoked)
                            .SetProperty(g => g.EndedAt, now)
                            .SetProperty(g => g.Revision, g => g.Revision + 1),
                        cancellationToken);

                // Tokens are revoked even where the grant was ended already: none may outlive it.
                var revoked = await db.Tokens
                    .Where(t => t.AuthorizationId != null && line.Contains(t.AuthorizationId.Value) && t.Status != OpenIddictConstants.Statuses.Revoked)
                    .ExecuteUpdateAsync(
                        set => set.SetProperty(t => t.Status, OpenIddictConstants.Statuses.Revoked), cancellationToken);

                // What the tokens carried opens with them alone, and with nothing from now on.
                await db.CarriedKeys.Where(k => line.Contains(k.GrantId)).ExecuteDeleteAsync(cancellationToken);
                if (ended == 0)
                {
                    return;
                }

                tokens = revoked;
                var userId = await db.Grants.Where(g => g.Id == grantId).Select(g => g.UserId).SingleAsync(cancellationToken);
                await audit.RecordAsync(
                    "grant.ended", actor, $"grant:{grantId}", userId, new { reason, tokens = revoked, cut_from_it = line.Count - 1 }, cancellationToken);
                await reuse.PostAsync(grantId, reason, cancellationToken);
            },
            cancellationToken);

        foreach (var id in line)
        {
            changes.Publish(new GrantChange(id, CutReason.Revoked));
        }

        return tokens;
    }

    /// <summary>Whether the grant was cut from another, for one token.</summary>
    public Task<bool> WasCutAsync(Guid grantId, CancellationToken cancellationToken) =>
        db.Grants.AnyAsync(g => g.Id == grantId && g.ParentId != null, cancellationToken);
}
