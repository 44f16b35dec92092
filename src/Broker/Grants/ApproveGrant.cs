using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Apps.Review;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>Why an approval was not written.</summary>
internal enum ApprovalRefusal
{
    /// <summary>The app is not approved, and has all the people that such an app may have.</summary>
    TestersFull,

    /// <summary>The grant that the approval builds on is not what it was.</summary>
    Changed,
}

/// <summary>What became of an approval: a grant, or the reason why there is none.</summary>
internal sealed record ApprovalOutcome(Grant? Grant, ApprovalRefusal? Refusal);

/// <summary>
/// Writes what the user approved. One user has one live grant for an app and an upstream: approving again replaces
/// what it allows, so that the portal shows one row and the budget is not doubled by asking twice. An approval that
/// builds on a grant is written onto that grant as it was shown, or not at all: what ended or was narrowed meanwhile
/// does not come back.
/// </summary>
internal sealed class ApproveGrant(BrokerDbContext db, AuditLog audit, TesterLimit testers, GrantChanges changes, TimeProvider time)
{
    public async Task<ApprovalOutcome> RunAsync(Approval approval, CancellationToken cancellationToken)
    {
        Grant? grant = null;
        var paidOtherwise = false;
        var refusal = ApprovalRefusal.Changed;
        await db.InTransactionAsync(
            async () =>
            {
                // Inside the transaction, so that people who approve at once cannot pass the limit together.
                if (!await testers.HasRoomAsync(approval.ApplicationId, approval.UserId, cancellationToken))
                {
                    refusal = ApprovalRefusal.TestersFull;
                    await audit.RecordAsync(
                        "grant.refused", $"user:{approval.UserId}", $"app:{approval.ApplicationId}", approval.UserId,
                        new { reason = "tester_limit", limit = testers.Limit }, cancellationToken);
                    return;
                }

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
                paidOtherwise = live is not null && live.SponsorId != approval.SponsorId;
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

        if (grant is null)
        {
            return new ApprovalOutcome(null, refusal);
        }

        changes.Publish(new GrantChange(grant.Id, paidOtherwise ? CutReason.PurseChanged : null));
        return new ApprovalOutcome(grant, null);
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
