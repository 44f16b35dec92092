using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Review;

/// <summary>
/// How many distinct people an app may have before it is approved. Whoever ever held a grant of it counts, for good:
/// else the owner, or the testers in turn, could revoke and make room without end. A grant cut from another by token
/// exchange is the same person's. Decided inside the transaction that writes the grant
/// (<see cref="Grants.ApproveGrant"/>), so that twenty people at once fill ten places and no more.
/// </summary>
internal sealed class TesterLimit(BrokerDbContext db, IOptions<ReviewOptions> options)
{
    public int Limit => options.Value.TesterLimit;

    /// <summary>What people and apps are told where there is no room.</summary>
    public string Words => Limit == 1
        ? "This app has not been reviewed yet and has its one tester. Its developer can ask for a review."
        : $"This app has not been reviewed yet and has all its {Limit} testers. Its developer can ask for a review.";

    /// <summary>Whether this person may use the app: it is approved, they have used it before, or there is a place left.</summary>
    public async Task<bool> HasRoomAsync(Guid appId, Guid userId, CancellationToken cancellationToken) =>
        await db.Apps.AnyAsync(a => a.Id == appId && a.ReviewStatus == ReviewStatus.Approved, cancellationToken)
        || await Testers(appId).AnyAsync(id => id == userId, cancellationToken)
        || await CountAsync(appId, cancellationToken) < Limit;

    /// <summary>How many distinct people have ever allowed the app.</summary>
    public Task<int> CountAsync(Guid appId, CancellationToken cancellationToken) => Testers(appId).CountAsync(cancellationToken);

    private IQueryable<Guid> Testers(Guid appId) =>
        db.Grants.Where(g => g.ApplicationId == appId && g.ParentId == null).Select(g => g.UserId).Distinct();
}
