using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>
/// Suspends and bans, and lifts both. Each step writes its row, its audit event, the notice to whoever it meets, and a new
/// revision of every grant that it touches, in one transaction; then the gateway is told, and open calls end. No grant
/// ends with it: when the sanction is over, what the person allowed holds as before.
/// </summary>
internal sealed class ApplySanction(BrokerDbContext db, AuditLog audit, NoticeBoard notices, GrantChanges changes, TimeProvider time)
{
    private DateTime Now => time.GetUtcNow().UtcDateTime;

    /// <param name="subject">Who.</param>
    /// <param name="until">When a suspension is over; null for a ban.</param>
    /// <param name="reason">For them to read.</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <returns>The sanction's id; null where one at least as long is in force.</returns>
    public async Task<Guid?> RunAsync(Subject subject, DateTime? until, string reason, string actor, CancellationToken cancellationToken)
    {
        Guid? made = null;
        IReadOnlyList<Guid> grants = [];
        await db.InTransactionAsync(
            async () =>
            {
                (made, grants) = await WriteAsync(subject, until, reason, actor, cancellationToken);
            },
            cancellationToken);
        Publish(grants);
        return made;
    }

    /// <summary>The same inside the caller's transaction; after its commit the caller gives the grants to <see cref="Publish"/>.</summary>
    public async Task<(Guid? Id, IReadOnlyList<Guid> Grants)> WriteAsync(
        Subject subject, DateTime? until, string reason, string actor, CancellationToken cancellationToken)
    {
        var now = Now;
        if (await Of(subject).Where(Sanction.InForceAt(now)).AnyAsync(s => s.Until == null || (until != null && s.Until >= until), cancellationToken))
        {
            return (null, []);
        }

        var sanction = new Sanction
        {
            UserId = subject.UserId,
            AppId = subject.AppId,
            Kind = until is null ? SanctionKind.Banned : SanctionKind.Suspended,
            From = now,
            Until = until,
            Reason = reason.Length <= Sanction.LongestReason ? reason : reason[..Sanction.LongestReason],
            By = actor,
        };
        db.Sanctions.Add(sanction);
        await db.SaveChangesAsync(cancellationToken);
        var grants = await TouchAsync(subject, cancellationToken);
        await audit.RecordAsync(
            until is null ? "safety.banned" : "safety.suspended", actor, subject.ToString(), subject.UserId,
            new { sanction = sanction.Id, until, grants = grants.Count }, cancellationToken);
        await TellAsync(subject, "safety.sanction", name =>
            $"{(subject.UserId is null ? $"Your app {name}" : "Your account")} is {(until is { } end ? $"suspended until {end:d MMMM yyyy, HH:mm} UTC" : "banned")}: {sanction.Reason} You can say something against it under Safety.", cancellationToken);
        return (sanction.Id, grants);
    }

    /// <summary>Ends the open calls of grants that a committed sanction touches.</summary>
    public void Publish(IReadOnlyList<Guid> grants)
    {
        foreach (var id in grants)
        {
            changes.Publish(new GrantChange(id, CutReason.Suspended));
        }
    }

    /// <returns>False where it is over, or lifted before.</returns>
    public async Task<bool> LiftAsync(Guid sanctionId, string actor, string? note, CancellationToken cancellationToken)
    {
        IReadOnlyList<Guid>? grants = null;
        await db.InTransactionAsync(async () => grants = await WriteLiftAsync(sanctionId, actor, note, cancellationToken), cancellationToken);
        PublishLift(grants ?? []);
        return grants is not null;
    }

    /// <summary>The same inside the caller's transaction; after its commit the caller gives the grants to <see cref="PublishLift"/>.</summary>
    /// <returns>Null where it is over, or lifted before.</returns>
    public async Task<IReadOnlyList<Guid>?> WriteLiftAsync(Guid sanctionId, string actor, string? note, CancellationToken cancellationToken)
    {
        var now = Now;
        if (await db.Sanctions.Where(s => s.Id == sanctionId).Where(Sanction.InForceAt(now))
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.LiftedAt, now).SetProperty(s => s.LiftedBy, actor), cancellationToken) != 1)
        {
            return null;
        }

        var sanction = await db.Sanctions.AsNoTracking().SingleAsync(s => s.Id == sanctionId, cancellationToken);
        var subject = new Subject(sanction.UserId, sanction.AppId);
        var grants = await TouchAsync(subject, cancellationToken);
        await audit.RecordAsync("safety.lifted", actor, subject.ToString(), subject.UserId, new { sanction = sanctionId }, cancellationToken);
        await TellAsync(subject, "safety.lifted", name =>
            $"The {(sanction.Kind == SanctionKind.Banned ? "ban" : "suspension")} of {(subject.UserId is null ? $"your app {name}" : "your account")} is lifted.{(string.IsNullOrEmpty(note) ? "" : " " + note)}", cancellationToken);
        return grants;
    }

    /// <summary>Has the gateway read grants anew.</summary>
    public void PublishLift(IReadOnlyList<Guid> grants)
    {
        foreach (var id in grants)
        {
            changes.Publish(new GrantChange(id, null));
        }
    }

    private IQueryable<Sanction> Of(Subject subject) => db.Sanctions.Where(s => s.UserId == subject.UserId && s.AppId == subject.AppId);

    /// <summary>A new revision is what other nodes notice.</summary>
    private async Task<IReadOnlyList<Guid>> TouchAsync(Subject subject, CancellationToken cancellationToken)
    {
        var touched = db.Grants.Where(g => g.Status == OpenIddictConstants.Statuses.Valid);
        touched = subject.UserId is { } userId ? touched.Where(g => g.UserId == userId) : touched.Where(g => g.ApplicationId == subject.AppId);
        await touched.ExecuteUpdateAsync(set => set.SetProperty(g => g.Revision, g => g.Revision + 1), cancellationToken);
        return await touched.Select(g => g.Id).ToListAsync(cancellationToken);
    }

    /// <summary>The person, or the app's owner where it has one.</summary>
    private async Task TellAsync(Subject subject, string kind, Func<string, string> words, CancellationToken cancellationToken)
    {
        if (subject.UserId is { } userId)
        {
            await notices.PostAsync(userId, kind, words(""), cancellationToken);
        }
        else if (await db.Apps.Where(a => a.Id == subject.AppId).Select(a => new { a.OwnerId, Name = a.DisplayName ?? a.ClientId ?? "" }).FirstOrDefaultAsync(cancellationToken) is { OwnerId: { } ownerId } app)
        {
            await notices.PostAsync(ownerId, kind, words(app.Name), cancellationToken);
        }
    }
}
