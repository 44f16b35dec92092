using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Portal;

/// <summary>A person's prepaid credit, by who gives it: what is left, what came and went, and where to get more.</summary>
internal sealed class CreditModel(BrokerDbContext db, TimeProvider time) : PageModel
{
    private const int MostEntries = 50;

    public IReadOnlyList<Sponsor> Sponsors { get; private set; } = [];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public async Task OnGetAsync()
    {
        var (userId, cancellationToken) = (HttpContext.UserId(), HttpContext.RequestAborted);
        var accounts = await db.CreditAccounts.AsNoTracking().Where(a => a.UserId == userId && a.Kind == CreditAccountKind.User).OrderBy(a => a.CreatedAt).ToListAsync(cancellationToken);
        var since = SpendPeriods.Of(time.GetUtcNow().AddDays(-30)).Day;
        List<Sponsor> sponsors = [];
        foreach (var account in accounts)
        {
            var app = await db.Apps.AsNoTracking().Where(a => a.Id == account.SponsorId).Select(a => new { Name = a.DisplayName ?? a.ClientId, a.HomepageUrl }).FirstOrDefaultAsync(cancellationToken);
            var posted = await db.CreditLines.AsNoTracking().Where(l => l.AccountId == account.Id)
                .Join(db.CreditTransactions.Where(t => t.Kind != CreditKind.Spend), l => l.TransactionId, t => t.Id, (l, t) => new { t.At, t.Kind, t.Note, l.AmountMicros })
                .OrderByDescending(t => t.At).Take(MostEntries).ToListAsync(cancellationToken);
            var used = await db.Spend.AsNoTracking()
                .Where(s => s.Kind == AccountKind.Credit && s.OwnerId == account.Id && s.Period >= since && s.CostMicros > 0)
                .Select(s => new { s.Period, s.CostMicros, s.Calls }).ToListAsync(cancellationToken);
            var entries = posted.Select(t => new Entry(t.At, t.Kind switch { CreditKind.TopUp => "Topped up", CreditKind.Refund => "Refunded", _ => "Adjusted" }, t.Note, t.AmountMicros))
                .Concat(used.Select(s => new Entry(
                    new DateTime(s.Period / 10_000, s.Period / 100 % 100, s.Period % 100, 0, 0, 0, DateTimeKind.Utc),
                    s.Calls == 1 ? "One call" : $"{s.Calls} calls", null, -s.CostMicros)))
                .OrderByDescending(entry => entry.At).ToList();
            var name = account.SponsorId == Purse.Operator ? "This broker" : app?.Name ?? "An app that was deleted";
            sponsors.Add(new Sponsor(account.SponsorId, name, app?.HomepageUrl, account.BalanceMicros, account.FundedMicros, entries));
        }

        Sponsors = sponsors;
    }

    /// <summary>One who gives credit.</summary>
    internal sealed record Sponsor(Guid Id, string Name, string? Homepage, long BalanceMicros, long FundedMicros, IReadOnlyList<Entry> Entries);

    /// <param name="At">When; for calls, the day in UTC.</param>
    /// <param name="Words">What it was.</param>
    /// <param name="Note">What the sponsor wrote.</param>
    /// <param name="Micros">What came, or went where below zero.</param>
    internal sealed record Entry(DateTime At, string Words, string? Note, long Micros);
}
