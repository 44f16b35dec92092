using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Notices;

/// <summary>
/// Tells people what they should know and did not do themselves. A notice is written in the transaction of its cause,
/// so that neither exists without the other. A person keeps the latest 200, so that nobody's board can be flooded, and
/// none longer than 90 days, which pruning sees to.
/// </summary>
internal sealed class NoticeBoard(BrokerDbContext db, TimeProvider time)
{
    public const int MostKept = 200;

    /// <summary>After that it is pruned.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(90);

    /// <summary>Puts up a notice. The caller holds the transaction of what it tells about.</summary>
    /// <param name="userId">Who is told.</param>
    /// <param name="kind">Which one it is, such as <c>grant.token_reuse</c>.</param>
    /// <param name="text">What the person reads; plain text, shown as it is.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    public async Task PostAsync(Guid userId, string kind, string text, CancellationToken cancellationToken)
    {
        if (db.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException($"The notice '{kind}' must be written in the transaction of its cause.");
        }

        db.Notices.Add(new Notice { UserId = userId, At = time.GetUtcNow().UtcDateTime, Kind = kind, Text = text });
        await db.SaveChangesAsync(cancellationToken);
        var old = db.Notices.Where(n => n.UserId == userId).OrderByDescending(n => n.At).ThenByDescending(n => n.Id).Skip(MostKept).Select(n => n.Id);
        await db.Notices.Where(n => old.Contains(n.Id)).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>The latest first.</summary>
    public Task<List<Notice>> ListAsync(Guid userId, CancellationToken cancellationToken) =>
        db.Notices.AsNoTracking().Where(n => n.UserId == userId)
            .OrderByDescending(n => n.At).ThenByDescending(n => n.Id).ToListAsync(cancellationToken);

    public Task<int> UnreadAsync(Guid userId, CancellationToken cancellationToken) =>
        db.Notices.CountAsync(n => n.UserId == userId && n.ReadAt == null, cancellationToken);

    /// <param name="userId">Whose.</param>
    /// <param name="noticeId">Which; all of them if not given.</param>
    /// <param name="cancellationToken">Cancels the update.</param>
    /// <returns>How many were unread; of one that is not this person's, none.</returns>
    public async Task<int> MarkReadAsync(Guid userId, Guid? noticeId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return await db.Notices
            .Where(n => n.UserId == userId && n.ReadAt == null && (noticeId == null || n.Id == noticeId))
            .ExecuteUpdateAsync(set => set.SetProperty(n => n.ReadAt, now), cancellationToken);
    }

    public Task<bool> HasAsync(Guid userId, Guid noticeId, CancellationToken cancellationToken) =>
        db.Notices.AnyAsync(n => n.UserId == userId && n.Id == noticeId, cancellationToken);
}
