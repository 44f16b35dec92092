using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Keys;

/// <summary>A user's own keys: add, see their state, delete.</summary>
internal sealed class KeysModel(BrokerDbContext db, StoreKey store, RemoveKey remove, Catalogue catalogue, TimeProvider time) : PageModel
{
    public IReadOnlyList<Row> Rows { get; private set; } = [];

    public IReadOnlyList<Upstream> Upstreams { get; } = [.. catalogue.All.OrderBy(u => u.Name)];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    [BindProperty]
    public string? Upstream { get; set; }

    [BindProperty]
    public string? Label { get; set; }

    [BindProperty]
    public string? NewKey { get; set; }

    public Task OnGetAsync() => LoadAsync();

    public async Task<IActionResult> OnPostAsync()
    {
        if (catalogue.Find(Upstream ?? "") is not { } upstream)
        {
            return NotFound();
        }

        var stored = await store.RunAsync(HttpContext.UserId(), upstream, Label, NewKey, HttpContext.RequestAborted);
        NewKey = null;
        ModelState.Remove(nameof(NewKey));
        if (stored.Key is null)
        {
            ModelState.AddModelError(nameof(NewKey), stored.Complaint ?? "The key was not stored.");
            await LoadAsync();
            return Page();
        }

        TempData["Flash"] = StoreKey.Words(stored.Finding!.Value, upstream);
        return RedirectToPage();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id)
    {
        if (await remove.RunAsync(id, HttpContext.UserId(), HttpContext.RequestAborted) is not { } grants)
        {
            return NotFound();
        }

        TempData["Flash"] = grants switch
        {
            0 => "The key is deleted. No app was using it.",
            1 => "The key is deleted. One app that used it can call nothing now.",
            _ => $"The key is deleted. {grants} apps that used it can call nothing now.",
        };
        return RedirectToPage();
    }

    public static (string Badge, string Words) StateOf(KeyStatus status) => status switch
    {
        KeyStatus.Working => ("badge-ok", "Working"),
        KeyStatus.Restricted => ("badge-ok", "Restricted key"),
        KeyStatus.Refused => ("badge-danger", "Refused by the provider"),
        KeyStatus.OutOfQuota => ("badge-warn", "Out of credit"),
        _ => ("badge-neutral", "Not checked yet"),
    };

    private async Task LoadAsync()
    {
        var userId = HttpContext.UserId();
        Rows = await db.UpstreamKeys.AsNoTracking()
            .Where(k => k.UserId == userId)
            .OrderBy(k => k.CreatedAt)
            .Select(k => new Row(
                k.Id, k.UpstreamId, k.Label, k.LastFour, k.Status, k.CreatedAt, k.LastUsedAt,
                db.Grants.Count(g => g.UpstreamKeyId == k.Id && g.Status == OpenIddict.Abstractions.OpenIddictConstants.Statuses.Valid)))
            .ToListAsync(HttpContext.RequestAborted);
    }

    internal sealed record Row(
        Guid Id, string UpstreamId, string Label, string LastFour, KeyStatus Status, DateTime CreatedAt, DateTime? LastUsedAt, int Apps);
}
