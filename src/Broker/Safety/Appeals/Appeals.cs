using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>Takes what people say against a sanction, once for each, and has an operator decide: accepted, it is lifted.</summary>
internal sealed class Appeals(BrokerDbContext db, AuditLog audit, NoticeBoard notices, ApplySanction sanctions, TimeProvider time)
{
    private const int LongestAnswer = 1_000;

    /// <returns>What is wrong with it; null where it was taken.</returns>
    public async Task<string?> WriteAsync(Guid userId, Guid sanctionId, string? text, CancellationToken cancellationToken)
    {
        var words = (text ?? "").Trim();
        if (words.Length is 0 or > Appeal.LongestText)
        {
            return words.Length == 0 ? "Write why it should be lifted." : $"Use {Appeal.LongestText} characters at most.";
        }

        string? complaint = null;
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                if (!await MeetsAsync(userId, sanctionId, now, cancellationToken))
                {
                    complaint = "It is over, or not yours.";
                    return;
                }

                if (await db.Appeals.AnyAsync(a => a.SanctionId == sanctionId, cancellationToken))
                {
                    complaint = "You have said what you have to say against it.";
                    return;
                }

                db.Appeals.Add(new Appeal { SanctionId = sanctionId, UserId = userId, Text = words, At = now });
                await audit.RecordAsync("safety.appealed", $"user:{userId}", $"sanction:{sanctionId}", userId, null, cancellationToken);
            },
            cancellationToken);
        return complaint;
    }

    /// <returns>False where there is no such appeal that waits.</returns>
    public async Task<bool> DecideAsync(Guid appealId, bool accept, string? answer, string actor, CancellationToken cancellationToken)
    {
        var words = (answer ?? "").Trim();
        words = words.Length <= LongestAnswer ? words : words[..LongestAnswer];
        var decided = false;
        IReadOnlyList<Guid> freed = [];
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                decided = await db.Appeals.Where(a => a.Id == appealId && a.DecidedAt == null)
                    .ExecuteUpdateAsync(set => set.SetProperty(a => a.DecidedAt, now).SetProperty(a => a.Accepted, accept).SetProperty(a => a.Answer, words), cancellationToken) == 1;
                if (!decided)
                {
                    return;
                }

                var appeal = await db.Appeals.AsNoTracking().SingleAsync(a => a.Id == appealId, cancellationToken);
                await audit.RecordAsync(
                    "safety.appeal_decided", actor, $"sanction:{appeal.SanctionId}", appeal.UserId, new { appeal = appealId, accepted = accept }, cancellationToken);
                if (accept)
                {
                    freed = await sanctions.WriteLiftAsync(appeal.SanctionId, actor, words, cancellationToken) ?? [];
                }
                else
                {
                    await notices.PostAsync(appeal.UserId, "safety.appeal", $"What you said against the suspension or ban was read, and it stays. {words}".TrimEnd(), cancellationToken);
                }
            },
            cancellationToken);
        sanctions.PublishLift(freed);
        return decided;
    }

    /// <summary>In force, and the person's own or that of an app of theirs.</summary>
    private Task<bool> MeetsAsync(Guid userId, Guid sanctionId, DateTime now, CancellationToken cancellationToken) =>
        db.Sanctions.Where(Sanction.InForceAt(now)).AnyAsync(
            s => s.Id == sanctionId && (s.UserId == userId || db.Apps.Any(a => a.Id == s.AppId && a.OwnerId == userId)), cancellationToken);
}
