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
internal sealed class KeysModel(
    BrokerDbContext db, UploadForms uploads, StoreKey store, RemoveKey remove, Catalogue catalogue, TimeProvider time) : PageModel
{
    public IReadOnlyList<Row> Rows { get; private set; } = [];

    public IReadOnlyList<Upstream> Upstreams { get; } = [.. catalogue.All.OrderBy(u => u.Name)];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    [BindProperty]
    public string? Upstream { get; set; }

    [BindProperty]
    public string? Label { get; set; }

    /// <summary>As the page sealed it.</summary>
    [BindProperty]
    public string? NewKey { get; set; }

    public Task OnGetAsync() => LoadAsync();

    public async Task<IActionResult> OnPostAsync()
    {
        if (catalogue.Find(Upstream ?? "") is not { } upstream)
        {
            return NotFound();
        }

        var taken = await uploads.TakeAsync(HttpContext.CurrentSession()!, NewKey, HttpContext.RequestAborted);
        using var secret = taken.Key;
        NewKey = null;
        ModelState.Remove(nameof(NewKey));
        var stored = secret is null
            ? new StoredKey(null, null, taken.Complaint)
            : await store.RunAsync(HttpContext.UserId(), upstream, Label, secret, HttpContext.RequestAborted);
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
        KeyStatus.CannotBeOpened => ("badge-danger", "Cannot be opened"),
        _ => ("badge-neutral", "Not checked yet"),
    };

    /// <summary>What a person can do about a state; null where nothing needs doing.</summary>
    public static string? AdviceOf(KeyStatus status, Upstream upstream) => status switch
    {
        KeyStatus.Working => null,
        KeyStatus.Restricted => $"{upstream.Name} knows the key, but does not let it list models: it is a restricted one. Apps can do what the key allows. Nothing needs doing.",
        KeyStatus.Refused => $"{upstream.Name} did not accept the key when it was last used: it may have been deleted or revoked there. Make a new one at {upstream.Name} and replace this one with it; the apps go on.",
        KeyStatus.OutOfQuota => $"The account behind the key is out of credit, or over its rate. Look at the billing page of {upstream.Name}, then test the key.",
        KeyStatus.CannotBeOpened => "The stored key does not open under the vault that this broker has now. Its operator may have to restore the vault. You can also replace the key: paste it again, or a new one.",
        _ => $"{upstream.Name} could not be asked when the key was stored. Test it now.",
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
