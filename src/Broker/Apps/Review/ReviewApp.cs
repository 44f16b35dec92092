using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Review;

/// <summary>What became of a step of a review.</summary>
internal enum ReviewOutcome
{
    Done,

    /// <summary>There is no such app, or it is not this owner's.</summary>
    NotFound,

    /// <summary>The app is not in a state from which this step goes.</summary>
    NotNow,

    /// <summary>The app is not what the reviewer looked at any more.</summary>
    Changed,
}

/// <summary>
/// The states of a review and the ways between them:
/// <code>
/// Unreviewed, Rejected -- submit (owner) --> Submitted -- approve (operator) --> Approved
///                                            Submitted -- reject (operator) ---> Rejected
/// Approved -- withdraw (operator) --> Unreviewed
/// Submitted, Approved -- reset (a change that <see cref="ReviewRules"/> names) --> Unreviewed
/// </code>
/// Each step is one conditional UPDATE, so that of two at once one goes; it is audited, and told to the owner, in the
/// same transaction. A decision holds for the very version that the reviewer had before them: a developer cannot
/// swap the name or the redirect host between the look and the click. An app that registered itself has no owner to
/// submit it, and is approved straight away. People who use the app already go on when an approval ends.
/// </summary>
internal sealed class ReviewApp(BrokerDbContext db, AuditLog audit, NoticeBoard notices, TimeProvider time)
{
    /// <param name="appId">The app.</param>
    /// <param name="ownerId">Who asks.</param>
    /// <param name="note">What the reviewer should know; may be empty.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public Task<ReviewOutcome> SubmitAsync(Guid appId, Guid ownerId, string? note, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return MoveAsync(
            new Step("app.submitted", $"user:{ownerId}", note, null),
            a => a.Id == appId && a.OwnerId == ownerId,
            a => a.ReviewStatus == ReviewStatus.Unreviewed || a.ReviewStatus == ReviewStatus.Rejected,
            version: null,
            set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Submitted).SetProperty(a => a.SubmittedAt, now),
            cancellationToken);
    }

    /// <param name="appId">The app.</param>
    /// <param name="operatorId">Who decides. It may be the owner, since a broker may have one operator alone; the audit log says so.</param>
    /// <param name="version">The app's concurrency token as the reviewer saw it.</param>
    /// <param name="note">What the owner should know; may be empty.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public Task<ReviewOutcome> ApproveAsync(Guid appId, Guid operatorId, string version, string? note, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return MoveAsync(
            new Step("app.approved", $"user:{operatorId}", note, app => $"{app.DisplayName} is approved. It can have as many users as like it."),
            a => a.Id == appId,
            a => a.ReviewStatus == ReviewStatus.Submitted || (a.OwnerId == null && a.ReviewStatus != ReviewStatus.Approved),
            version,
            set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Approved).SetProperty(a => a.ReviewedAt, now),
            cancellationToken);
    }

    /// <inheritdoc cref="ApproveAsync"/>
    public Task<ReviewOutcome> RejectAsync(Guid appId, Guid operatorId, string version, string note, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return MoveAsync(
            new Step("app.rejected", $"user:{operatorId}", note, app => $"{app.DisplayName} was reviewed and sent back to you: “{note}” You can change it and submit it again."),
            a => a.Id == appId,
            a => a.ReviewStatus == ReviewStatus.Submitted,
            version,
            set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Rejected).SetProperty(a => a.ReviewedAt, now),
            cancellationToken);
    }

    /// <summary>Takes an approval back. An app of the configuration is vouched for there.</summary>
    public Task<ReviewOutcome> WithdrawAsync(Guid appId, Guid operatorId, string note, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return MoveAsync(
            new Step("app.review_withdrawn", $"user:{operatorId}", note, app => $"The approval of {app.DisplayName} was withdrawn: “{note}” Its users can go on; new ones are refused beyond the tester limit."),
            a => a.Id == appId,
            a => a.ReviewStatus == ReviewStatus.Approved && a.Source != AppSource.Configuration,
            version: null,
            set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Unreviewed).SetProperty(a => a.ReviewedAt, now),
            cancellationToken);
    }

    /// <summary>After a change that <see cref="ReviewRules"/> names; to be called in the transaction of that change. Does nothing to an app that nobody has looked at or is to look at.</summary>
    public Task<ReviewOutcome> ResetAsync(Guid appId, string actor, CancellationToken cancellationToken) => MoveAsync(
        new Step("app.review_reset", actor, null, app => $"{app.DisplayName} was changed in what a review is for, so that it is not reviewed any more. Whoever uses it can go on; new people are refused beyond the tester limit. Submit it again when it is ready."),
        a => a.Id == appId,
        a => (a.ReviewStatus == ReviewStatus.Approved || a.ReviewStatus == ReviewStatus.Submitted) && a.Source != AppSource.Configuration,
        version: null,
        static set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Unreviewed).SetProperty(a => a.SubmittedAt, (DateTime?)null),
        cancellationToken);

    private async Task<ReviewOutcome> MoveAsync(
        Step step, Expression<Func<App, bool>> which, Expression<Func<App, bool>> from, string? version,
        Action<Microsoft.EntityFrameworkCore.Query.UpdateSettersBuilder<App>> to, CancellationToken cancellationToken)
    {
        var outcome = ReviewOutcome.Done;
        await db.InTransactionAsync(
            async () =>
            {
                // A new version with each step: what was seen before it is decided on once.
                var next = Guid.NewGuid().ToString();
                var moved = await db.Apps.Where(App.InUse).Where(which).Where(from).Where(a => version == null || a.ConcurrencyToken == version)
                    .ExecuteUpdateAsync(
                        set =>
                        {
                            to(set);
                            set.SetProperty(a => a.ReviewNote, step.Note).SetProperty(a => a.ConcurrencyToken, next);
                        },
                        cancellationToken);
                var app = await db.Apps.AsNoTracking().Where(App.InUse).Where(which).FirstOrDefaultAsync(cancellationToken);
                if (moved == 0 || app is null)
                {
                    outcome = app is null ? ReviewOutcome.NotFound
                        : await db.Apps.Where(which).AnyAsync(from, cancellationToken) ? ReviewOutcome.Changed
                        : ReviewOutcome.NotNow;
                    return;
                }

                await RecordAsync(app, step, cancellationToken);
            },
            cancellationToken);
        return outcome;
    }

    /// <summary>With the facts that were decided on: what has changed since an approval is read from its event.</summary>
    private async Task RecordAsync(App app, Step step, CancellationToken cancellationToken)
    {
        await audit.RecordAsync(
            step.Action, step.Actor, $"app:{app.Id}", app.OwnerId, ReviewedFacts.Of(app, step.Note, step.Actor == $"user:{app.OwnerId}"), cancellationToken);
        if (app.OwnerId is { } ownerId && step.ToOwner is { } words)
        {
            await notices.PostAsync(ownerId, step.Action, words(app), cancellationToken);
        }
    }

    private sealed record Step(string Action, string Actor, string? Note, Func<App, string>? ToOwner);
}
