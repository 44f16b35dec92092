using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Accounts;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Portal;

/// <summary>The first page: the apps that may use the person's keys, what they spent, and the ways to stop them.</summary>
internal sealed class AppsModel(
    BrokerDbContext db, EndGrant endGrant, PauseGrant pauseGrant, Catalogue catalogue, TimeProvider time) : PageModel
{
    public IReadOnlyList<Row> Live { get; private set; } = [];

    public IReadOnlyList<Row> Ended { get; private set; } = [];

    public int Keys { get; private set; }

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public long SpentMicros => Live.Concat(Ended).Sum(row => row.SpentMicros);

    public long Calls => Live.Concat(Ended).Sum(row => row.Calls);

    /// <summary>The limits of all apps together, where there are any, and what is spent of each.</summary>
    public IReadOnlyList<SpentOf> Limits { get; private set; } = [];

    public SpentOf? LimitUsedUp => Limits.FirstOrDefault(limit => limit.Micros >= limit.LimitMicros);

    public async Task OnGetAsync()
    {
        var userId = HttpContext.UserId();
        var today = SpendPeriods.Of(time.GetUtcNow());
        var month = today.Month;
        var endedSince = Now.AddDays(-30);
        var rows = await (
            from grant in db.Grants.AsNoTracking()
            where grant.UserId == userId && grant.ParentId == null && (grant.EndedAt > endedSince || (grant.Status == OpenIddictConstants.Statuses.Valid && grant.ExpiresAt > endedSince))
            join key in db.UpstreamKeys on grant.UpstreamKeyId equals key.Id into keys
            from key in keys.DefaultIfEmpty()
            join spend in db.Spend.Where(s => s.Kind == AccountKind.Grant && s.Period == month) on grant.Id equals spend.OwnerId into spends
            from spend in spends.DefaultIfEmpty()
            orderby grant.CreationDate descending
            select new Row(
                grant,
                grant.Application!.DisplayName ?? grant.Application!.ClientId ?? "",
                key != null ? key.Label + " ····" + key.LastFour : grant.CarriesKey ? "a key that is never stored ····" + grant.CarriedLastFour : grant.SponsorId == null || !db.SponsorKeys.Any(k => k.SponsorId == grant.SponsorId && k.UpstreamId == grant.UpstreamId) ? null
                    : "credit with " + (grant.SponsorId == Purse.Operator ? TokenBroker.Credit.CreditOffers.OperatorName : grant.Application!.DisplayName ?? ""),
                spend == null ? 0 : spend.CostMicros,
                spend == null ? 0 : spend.CostMicros,
                spend == null ? 0 : spend.Calls)).ToListAsync(HttpContext.RequestAborted);
        var spent = await (
            from spend in db.Spend.AsNoTracking()
            join grant in db.Grants on spend.OwnerId equals grant.Id
            where spend.Kind == AccountKind.Grant && grant.UserId == userId && grant.ParentId == null && (spend.Period == today.Day || spend.Period == SpendPeriods.Total)
            select spend).ToDictionaryAsync(s => (s.OwnerId, s.Period), s => s.CostMicros, HttpContext.RequestAborted);
        rows = [.. rows.Select(row => row.Grant.BudgetPeriod == BudgetPeriod.Month
            ? row
            : row with { BudgetSpentMicros = spent.GetValueOrDefault((row.Grant.Id, today.Of(row.Grant.BudgetPeriod))) })];
        Live = [.. rows.Where(row => row.Grant.Status == OpenIddictConstants.Statuses.Valid && row.Grant.ExpiresAt > Now)];
        Ended = [.. rows.Except(Live)];
        Limits = await LimitsAsync(userId, today);
        Keys = await db.UpstreamKeys.CountAsync(k => k.UserId == userId, HttpContext.RequestAborted);
    }

    public async Task<IActionResult> OnPostRevokeAsync(Guid id)
    {
        var userId = HttpContext.UserId();
        if (await NameOfAsync(id, userId) is not { } name)
        {
            return NotFound();
        }

        await endGrant.RunAsync(id, "user", $"user:{userId}", HttpContext.RequestAborted);
        TempData["Flash"] = $"{name} has no access any more. Calls that were open have ended.";
        return RedirectToPage();
    }

    public async Task<IActionResult> OnPostPauseAsync(Guid id, bool pause)
    {
        var userId = HttpContext.UserId();
        if (await NameOfAsync(id, userId) is not { } name)
        {
            return NotFound();
        }

        await pauseGrant.RunAsync(id, userId, pause, HttpContext.RequestAborted);
        TempData["Flash"] = pause ? $"{name} is paused. It can call nothing until you resume it." : $"{name} may call again.";
        return RedirectToPage();
    }

    /// <summary>What the grant allows, in the catalogue's words.</summary>
    public IEnumerable<string> Allows(Grant grant)
    {
        var scopes = grant.ScopeList();
        return catalogue.Find(grant.UpstreamId)?.Capabilities.Where(c => scopes.Contains(c.Scope)).Select(c => c.Title) ?? [];
    }

    public (string Badge, string Words) StateOf(Row row) =>
        row.Grant.Status != OpenIddictConstants.Statuses.Valid ? ("badge-neutral", "Ended")
        : row.Grant.ExpiresAt <= Now ? ("badge-neutral", "Expired")
        : row.Key is null ? ("badge-danger", "No key")
        : row.Grant.PausedAt is not null ? ("badge-warn", "Paused")
        : row.BudgetSpentMicros >= row.Grant.BudgetMicros ? ("badge-danger", "Budget used up")
        : LimitUsedUp is not null ? ("badge-danger", "Limit used up")
        : ("badge-ok", "Active");

    private async Task<IReadOnlyList<SpentOf>> LimitsAsync(Guid userId, SpendPeriods today)
    {
        var caps = await db.SpendCaps.AsNoTracking().Where(c => c.Kind == AccountKind.User && c.OwnerId == userId).ToListAsync(HttpContext.RequestAborted);
        if (caps.Count == 0)
        {
            return [];
        }

        var spent = await db.Spend.AsNoTracking()
            .Where(s => s.Kind == AccountKind.User && s.OwnerId == userId && (s.Period == today.Day || s.Period == today.Month || s.Period == SpendPeriods.Total))
            .ToDictionaryAsync(s => s.Period, s => s.CostMicros, HttpContext.RequestAborted);
        return [.. caps.Select(cap => cap.Period).Distinct().Order().Select(period =>
            SpentOf.Cap(period, caps, Enum.GetValues<BudgetPeriod>().ToDictionary(each => each, each => spent.GetValueOrDefault(today.Of(each)))))];
    }

    private async Task<string?> NameOfAsync(Guid grantId, Guid userId) =>
        await db.Grants.Where(g => g.Id == grantId && g.UserId == userId)
            .Select(g => g.Application!.DisplayName ?? g.Application!.ClientId)
            .FirstOrDefaultAsync(HttpContext.RequestAborted);

    /// <param name="Grant">The grant.</param>
    /// <param name="App">The app's name.</param>
    /// <param name="Key">The key's name and end; null where it is gone.</param>
    /// <param name="SpentMicros">Spent this month.</param>
    /// <param name="BudgetSpentMicros">Spent of the budget, in its own period.</param>
    /// <param name="Calls">Made this month.</param>
    internal sealed record Row(Grant Grant, string App, string? Key, long SpentMicros, long BudgetSpentMicros, long Calls);
}
