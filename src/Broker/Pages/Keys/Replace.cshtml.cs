using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Custody;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Keys;

/// <summary>
/// Replaces a key in place. Whoever finds a browser open must not put a key of their own under somebody's apps, and read
/// at the provider what those send: a recent sign-in is asked for.
/// </summary>
[RequireRecentSignIn]
internal sealed class ReplaceModel(BrokerDbContext db, UploadForms uploads, StoreKey store, Catalogue catalogue) : PageModel
{
    public UpstreamKey Stored { get; private set; } = null!;

    public Upstream Upstream { get; private set; } = null!;

    public int Apps { get; private set; }

    /// <summary>As the page sealed it.</summary>
    [BindProperty]
    public string? NewKey { get; set; }

    public async Task<IActionResult> OnGetAsync(Guid id) => await LoadAsync(id) ? Page() : NotFound();

    public async Task<IActionResult> OnPostAsync(Guid id)
    {
        if (!await LoadAsync(id))
        {
            return NotFound();
        }

        var taken = await uploads.TakeAsync(HttpContext.CurrentSession()!, NewKey, HttpContext.RequestAborted);
        using var secret = taken.Key;
        NewKey = null;
        ModelState.Remove(nameof(NewKey));
        var replaced = secret is null
            ? new StoredKey(null, null, taken.Complaint)
            : await store.ReplaceAsync(Stored, Upstream, secret, HttpContext.RequestAborted);
        if (replaced.Key is null)
        {
            ModelState.AddModelError(nameof(NewKey), replaced.Complaint ?? "The key was not replaced.");
            return Page();
        }

        TempData["Flash"] = $"Replaced. {StoreKey.Words(replaced.Finding!.Value, Upstream)} The apps go on with it.";
        return RedirectToPage("/Keys/Key", new { id });
    }

    private async Task<bool> LoadAsync(Guid id)
    {
        var userId = HttpContext.UserId();
        var key = await db.UpstreamKeys.AsNoTracking().FirstOrDefaultAsync(k => k.Id == id && k.UserId == userId, HttpContext.RequestAborted);
        if (key is null || catalogue.Find(key.UpstreamId) is not { } upstream)
        {
            return false;
        }

        (Stored, Upstream) = (key, upstream);
        Apps = await db.Grants.CountAsync(
            g => g.UpstreamKeyId == id && g.ParentId == null && g.Status == OpenIddict.Abstractions.OpenIddictConstants.Statuses.Valid, HttpContext.RequestAborted);
        return true;
    }
}
