using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Apps.Review;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>What the user approved, after narrowing.</summary>
internal sealed record Approval(
    Guid UserId,
    Guid ApplicationId,
    string UpstreamId,
    Guid UpstreamKeyId,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string>? Models,
    long BudgetMicros,
    TimeSpan Lifetime);

/// <summary>Why an approval was not written.</summary>
internal enum ApprovalRefusal
{
    /// <summary>The app is not approved, and has all the people that such an app may have.</summary>
    TestersFull,
}

/// <summary>What became of an approval: a grant, or the reason why there is none.</summary>
internal sealed record ApprovalOutcome(Guid? GrantId, ApprovalRefusal? Refusal);

/// <summary>
/// Writes what the user approved. One user has one live grant for an app and an upstream: approving again replaces
/// what it allows, so that the portal shows one row and the budget is not doubled by asking twice.
/// </summary>
internal sealed class ApproveGrant(BrokerDbContext db, AuditLog audit, TesterLimit testers, GrantChanges changes, TimeProvider time)
{
    public async Task<ApprovalOutcome> RunAsync(Approval approval, CancellationToken cancellationToken)
    {
        Guid? grantId = null;
        await db.InTransactionAsync(
            async () =>
            {
                // Inside the transaction, so that people who approve at once cannot pass the limit together.
                if (!await testers.HasRoomAsync(approval.ApplicationId, approval.UserId, cancellationToken))
                {
                    await audit.RecordAsync(
                        "grant.refused", $"user:{approval.UserId}", $"app:{approval.ApplicationId}", approval.UserId,
                        new { reason = "tester_limit", limit = testers.Limit }, cancellationToken);
                    return;
                }

                var grant = await db.Grants.FirstOrDefaultAsync(
                    g => g.UserId == approval.UserId && g.ApplicationId == approval.ApplicationId
                        && g.UpstreamId == approval.UpstreamId && g.Status == OpenIddictConstants.Statuses.Valid,
                    cancellationToken);
                var renewed = grant is not null;
                grant ??= Add(approval);
                Apply(grant, approval);
                await db.SaveChangesAsync(cancellationToken);
                grantId = grant.Id;
                await audit.RecordAsync(
                    renewed ? "grant.renewed" : "grant.approved",
                    $"user:{approval.UserId}",
                    $"grant:{grantId}",
                    approval.UserId,
                    new
                    {
                        app = approval.ApplicationId,
                        key = approval.UpstreamKeyId,
                        scopes = approval.Scopes,
                        models = approval.Models,
                        budget_micros = approval.BudgetMicros,
                        expires_at = grant.ExpiresAt,
                    },
                    cancellationToken);
            },
            cancellationToken);

        if (grantId is not { } granted)
        {
            return new ApprovalOutcome(null, ApprovalRefusal.TestersFull);
        }

        changes.Publish(new GrantChange(granted, null));
        return new ApprovalOutcome(granted, null);
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

    private void Apply(Grant grant, Approval approval)
    {
        grant.Scopes = JsonSerializer.Serialize(approval.Scopes);
        grant.UpstreamKeyId = approval.UpstreamKeyId;
        grant.Models = approval.Models;
        grant.BudgetMicros = approval.BudgetMicros;
        grant.ExpiresAt = time.GetUtcNow().UtcDateTime + approval.Lifetime;
        grant.PausedAt = null;
        grant.Revision++;
    }
}
