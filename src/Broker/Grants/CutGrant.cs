using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>What is cut from a grant; each part at most what the grant itself has.</summary>
internal sealed record Cutting(
    Guid ParentId,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string>? Models,
    long BudgetMicros,
    BudgetPeriod BudgetPeriod,
    int? RequestsPerMinute,
    DateTime ExpiresAt);

/// <summary>
/// Cuts a smaller grant from a live one (RFC 8693): it ends with it, spends of it, and never allows more than it, whatever
/// becomes of either. How many there are and how deep they go is bounded, since each is a row and a look-up.
/// </summary>
internal sealed class CutGrant(BrokerDbContext db, AuditLog audit, TimeProvider time)
{
    private const int MostAtOnce = 100;
    private const int DeepestLine = 3;

    /// <summary>Of a grant that a person gave, at every depth together: what ends it has to end them all.</summary>
    private const int MostBelowRoot = 1_000;

    /// <returns>The new grant, or why there is none.</returns>
    public async Task<(Grant? Grant, string? Complaint)> RunAsync(Cutting cutting, CancellationToken cancellationToken)
    {
        (Grant? Grant, string? Complaint) result = default;
        await db.InTransactionAsync(async () => result = await CutAsync(cutting, cancellationToken), cancellationToken);
        return result;
    }

    private async Task<(Grant? Grant, string? Complaint)> CutAsync(Cutting cutting, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var parent = await db.Grants.AsNoTracking().FirstOrDefaultAsync(
            g => g.Id == cutting.ParentId && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now, cancellationToken);
        if (parent is null)
        {
            return (null, "The grant behind the subject token has ended.");
        }

        var (depth, rootId) = await PlaceOfAsync(parent, cancellationToken);
        if (depth >= DeepestLine)
        {
            return (null, $"A token can be handed on at most {DeepestLine} times.");
        }

        if (await db.Grants.CountAsync(
            g => g.ParentId == parent.Id && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now, cancellationToken) >= MostAtOnce)
        {
            return (null, $"At most {MostAtOnce} exchanged tokens of one grant live at a time. Let some expire, or revoke them.");
        }

        if ((await Descent.LiveBelowAsync(db, rootId, now, cancellationToken)).Count >= MostBelowRoot)
        {
            return (null, $"At most {MostBelowRoot} tokens that were exchanged for each other live at a time. Let some expire, or revoke them.");
        }

        var child = new Grant
        {
            UserId = parent.UserId,
            Subject = parent.Subject,
            ApplicationId = parent.ApplicationId,
            UpstreamId = parent.UpstreamId,
            UpstreamKeyId = parent.UpstreamKeyId,
            SponsorId = parent.SponsorId,
            CarriesKey = parent.CarriesKey,
            CarriedLastFour = parent.CarriedLastFour,
            ParentId = parent.Id,
            Scopes = JsonSerializer.Serialize(cutting.Scopes),
            Models = cutting.Models,
            BudgetMicros = cutting.BudgetMicros,
            BudgetPeriod = cutting.BudgetPeriod,
            RequestsPerMinute = cutting.RequestsPerMinute,
            ExpiresAt = cutting.ExpiresAt < parent.ExpiresAt ? cutting.ExpiresAt : parent.ExpiresAt,
            Status = OpenIddictConstants.Statuses.Valid,
            Type = OpenIddictConstants.AuthorizationTypes.AdHoc,
            CreationDate = now,
        };
        db.Grants.Add(child);
        await db.SaveChangesAsync(cancellationToken);
        await audit.RecordAsync(
            "grant.cut",
            $"app:{parent.ApplicationId}",
            $"grant:{child.Id}",
            parent.UserId,
            new { from = parent.Id, scopes = cutting.Scopes, models = cutting.Models, budget_micros = cutting.BudgetMicros, expires_at = child.ExpiresAt },
            cancellationToken);
        return (child, null);
    }

    private async Task<(int Depth, Guid RootId)> PlaceOfAsync(Grant grant, CancellationToken cancellationToken)
    {
        var (depth, rootId) = (0, grant.Id);
        for (var above = grant.ParentId; above is { } id; depth++)
        {
            rootId = id;
            above = await db.Grants.Where(g => g.Id == id).Select(g => g.ParentId).FirstOrDefaultAsync(cancellationToken);
        }

        return (depth, rootId);
    }
}
