using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
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

/// <summary>
/// Writes what the user approved. One user has one live grant for an app and an upstream: approving again replaces
/// what it allows, so that the portal shows one row and the budget is not doubled by asking twice.
/// </summary>
internal sealed class ApproveGrant(BrokerDbContext db, AuditLog audit, GrantChanges changes, TimeProvider time)
{
    public async Task<Grant> RunAsync(Approval approval, CancellationToken cancellationToken)
    {
        Grant grant = null!;
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                var earlier = await db.Grants.FirstOrDefaultAsync(
                    g => g.UserId == approval.UserId && g.ApplicationId == approval.ApplicationId
                        && g.UpstreamId == approval.UpstreamId && g.ParentId == null
                        && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now,
                    cancellationToken);
                grant = earlier ?? Add(approval);
                Apply(grant, approval);
                await db.SaveChangesAsync(cancellationToken);
                await audit.RecordAsync(
                    earlier is not null ? "grant.renewed" : "grant.approved",
                    $"user:{approval.UserId}",
                    $"grant:{grant.Id}",
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

        changes.Publish(new GrantChange(grant.Id, null));
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
