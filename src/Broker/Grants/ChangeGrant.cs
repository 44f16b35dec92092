using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// Changes what a live grant allows, by the user's own hand: its limits, its key, its end, and which of its scopes
/// stay. A pause stays a pause, and calls that are open go on under what they began with, unless another purse pays from now on. The gateway reads the grant
/// anew at the next call.
/// </summary>
internal sealed class ChangeGrant(BrokerDbContext db, AuditLog audit, GrantChanges changes)
{
    /// <returns>False where the grant is not what the user was shown.</returns>
    public async Task<bool> RunAsync(Approval approval, CancellationToken cancellationToken)
    {
        var shown = approval.Earlier ?? throw new ArgumentException("A change is a change of a grant.", nameof(approval));
        var (changed, paidOtherwise) = (false, false);
        await db.InTransactionAsync(
            async () =>
            {
                var grant = await db.Grants.FirstOrDefaultAsync(
                    g => g.Id == shown.Id && g.UserId == approval.UserId && g.Revision == shown.Revision
                        && g.Status == OpenIddictConstants.Statuses.Valid,
                    cancellationToken);
                if (grant is null)
                {
                    return;
                }

                paidOtherwise = grant.SponsorId != approval.SponsorId;
                approval.WriteTo(grant);
                await db.SaveChangesAsync(cancellationToken);
                await audit.RecordAsync(
                    "grant.changed", $"user:{approval.UserId}", $"grant:{grant.Id}", approval.UserId, approval.ForTheRecord(), cancellationToken);
                changed = true;
            },
            cancellationToken);

        if (changed)
        {
            changes.Publish(new GrantChange(shown.Id, paidOtherwise ? CutReason.PurseChanged : null));
        }

        return changed;
    }
}
