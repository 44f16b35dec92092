using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// Writes what the user approved. One user has one live grant for an app and an upstream: approving again replaces
/// what it allows, so that the portal shows one row and the budget is not doubled by asking twice. An approval that
/// builds on a grant is written onto that grant as it was shown, or not at all: what ended or was narrowed meanwhile
/// does not come back.
/// </summary>
internal sealed class ApproveGrant(BrokerDbContext db, AuditLog audit, GrantChanges changes, TimeProvider time)
{
    /// <returns>Null where the grant that it builds on is not what it was.</returns>
    public async Task<Grant?> RunAsync(Approval approval, CancellationToken cancellationToken)
    {
        Grant? grant = null;
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                var live = await db.Grants.FirstOrDefaultAsync(
                    g => g.UserId == approval.UserId && g.ApplicationId == approval.ApplicationId
                        && g.UpstreamId == approval.UpstreamId && g.ParentId == null
                        && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now,
                    cancellationToken);
                if (approval.Earlier is { } shown && (live?.Id != shown.Id || live.Revision != shown.Revision))
                {
                    return;
                }

                grant = live ?? Add(approval);
                approval.WriteTo(grant);
                grant.PausedAt = null;
                await db.SaveChangesAsync(cancellationToken);
                await audit.RecordAsync(
                    live is not null ? "grant.renewed" : "grant.approved",
                    $"user:{approval.UserId}",
                    $"grant:{grant.Id}",
                    approval.UserId,
                    approval.ForTheRecord(),
                    cancellationToken);
            },
            cancellationToken);

        if (grant is not null)
        {
            changes.Publish(new GrantChange(grant.Id, null));
        }

        return grant;
    }

    private Grant Add(Approval approval)
    {
        var grant = new Grant
        {
            UserId = approval.UserId,
            Subject = approval.UserId.ToString(),
            ApplicationId = approval.ApplicationId,
            UpstreamId = approval.UpstreamId,
            Status = OpenIddictConstants.Statuses.Valid,
            Type = OpenIddictConstants.AuthorizationTypes.Permanent,
            CreationDate = time.GetUtcNow().UtcDateTime,
        };
        db.Grants.Add(grant);
        return grant;
    }
}
