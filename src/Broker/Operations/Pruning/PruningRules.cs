using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Metering;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary>A kind of row that goes.</summary>
/// <param name="Name">As the log names it.</param>
/// <param name="Select">The rows, oldest first, by an index: the table may hold millions that stay.</param>
/// <param name="Delete">Deletes at most so many of them and says how many.</param>
internal sealed record PruningRule(
    string Name,
    Func<BrokerDbContext, DateTime, IQueryable> Select,
    Func<BrokerDbContext, DateTime, int, CancellationToken, Task<int>> Delete);

/// <summary>
/// What goes and when. A redeemed refresh token stays until it would have expired by itself: until then, whoever brings
/// it again is a thief to be found out. Grants, usage and the audit log stay: they are people's history.
/// </summary>
internal static class PruningRules
{
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);

    public static IReadOnlyList<PruningRule> All { get; } =
    [
        Rule("expired tokens", static (db, now) => db.Tokens.Where(t => t.ExpirationDate < now - s_day).OrderBy(t => t.ExpirationDate)),
        Rule("carried keys", static (db, now) => db.CarriedKeys.Where(k => k.ExpiresAt < now).OrderBy(k => k.ExpiresAt)),
        Rule("used proofs", static (db, now) => db.UsedProofs.Where(p => p.ExpiresAt < now).OrderBy(p => p.ExpiresAt)),
        Rule("upload keys", static (db, now) => db.CustodySecrets.Where(s => s.ExpiresAt < now).OrderBy(s => s.ExpiresAt)),
        Rule("sessions", static (db, now) => db.Sessions.Where(s => s.ExpiresAt < now.AddDays(-30)).OrderBy(s => s.ExpiresAt)),
        Rule("notices", static (db, now) => db.Notices.Where(n => n.At < now - NoticeBoard.KeptFor).OrderBy(n => n.At)),
        Rule("API tokens", static (db, now) => db.ApiTokens.Where(t => t.ExpiresAt < now.AddDays(-30)).OrderBy(t => t.ExpiresAt)),
        Rule("child grants", static (db, now) => db.Grants.Where(g => g.ParentId != null && g.ExpiresAt < now - s_day).OrderBy(g => g.ExpiresAt)),

        // Days are eight digits and months six, so that a range of days holds no month.
        Rule("spending by day", static (db, now) =>
        {
            var oldest = SpendPeriods.Of(new DateTimeOffset(now.AddDays(-62))).Day;
            return db.Spend.Where(s => s.Period > 10_000_000 && s.Period < oldest).OrderBy(s => s.Period);
        }),
        Rule("apps that registered and were never used", static (db, now) => NeverUsed(db, AppSource.DynamicRegistration, now)),
        Rule("apps of metadata documents that were never used", static (db, now) => NeverUsed(db, AppSource.MetadataDocument, now)),
    ];

    /// <summary>Apps that nobody vouched for and nobody allowed anything, ever.</summary>
    private static IQueryable<App> NeverUsed(BrokerDbContext db, AppSource source, DateTime now) => db.Apps
        .Where(a => a.Source == source && a.CreatedAt < now.AddDays(-30))
        .Where(a => !db.Grants.Any(g => g.ApplicationId == a.Id) && !db.Tokens.Any(t => t.ApplicationId == a.Id))
        .OrderBy(a => a.CreatedAt);

    private static PruningRule Rule<T>(string name, Func<BrokerDbContext, DateTime, IQueryable<T>> select)
        where T : class => new(
            name,
            select,
            (db, now, most, cancellationToken) => select(db, now).Take(most).ExecuteDeleteAsync(cancellationToken));
}
