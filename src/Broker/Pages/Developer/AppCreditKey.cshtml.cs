using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Credit;
using TokenBroker.Pages.Keys;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Developer;

/// <summary>
/// Puts up a key for the users of one's app. Whoever finds a browser open must not put one of their own there, and read at
/// the provider what users send: a recent sign-in is asked for.
/// </summary>
[RequireRecentSignIn]
internal sealed class AppCreditKeyModel(OwnApps apps, PutUpKey putUp, UploadForms uploads, Catalogue catalogue) : PageModel
{
    public App App { get; private set; } = null!;

    public IReadOnlyList<Upstream> Upstreams { get; } = [.. catalogue.All.OrderBy(u => u.Name)];

    [BindProperty]
    public string? Upstream { get; set; }

    /// <summary>As the page sealed it.</summary>
    [BindProperty]
    public string? NewKey { get; set; }

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken) => await LoadAsync(clientId, cancellationToken) ? Page() : NotFound();

    public async Task<IActionResult> OnPostAsync(string clientId, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken) || catalogue.Find(Upstream ?? "") is not { } upstream)
        {
            return NotFound();
        }

        var taken = await uploads.TakeAsync(HttpContext.CurrentSession()!, NewKey, cancellationToken);
        using var secret = taken.Key;
        NewKey = null;
        ModelState.Remove(nameof(NewKey));
        var complaint = secret is null ? taken.Complaint ?? "The key was not taken." : await putUp.RunAsync(App.Id, upstream, secret, $"user:{HttpContext.UserId()}", cancellationToken);
        if (complaint is not null)
        {
            ModelState.AddModelError(nameof(NewKey), complaint);
            return Page();
        }

        TempData["Flash"] = "The key is up. Your users can choose credit from now on.";
        return RedirectToPage("/Developer/AppCredit", new { clientId });
    }

    private async Task<bool> LoadAsync(string clientId, CancellationToken cancellationToken)
    {
        if (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken) is not { } app)
        {
            return false;
        }

        App = app;
        return true;
    }
}
