using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Developer;

/// <summary>Asks once more, and deletes an app with everybody's access to it.</summary>
[RequireRecentSignIn]
internal sealed class DeleteModel(BrokerDbContext db, OwnApps apps, RemoveApp remove) : PageModel
{
    public string ClientId { get; private set; } = "";

    public string Name { get; private set; } = "";

    /// <summary>How many people it would end access for.</summary>
    public int Live { get; private set; }

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken)
    {
        if (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken) is not { } app)
        {
            return NotFound();
        }

        (ClientId, Name) = (clientId, app.DisplayName ?? "");
        Live = await db.Grants.Where(g => g.ApplicationId == app.Id && g.Status == OpenIddictConstants.Statuses.Valid)
            .Select(g => g.UserId).Distinct().CountAsync(cancellationToken);
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(string clientId, CancellationToken cancellationToken)
    {
        var ownerId = HttpContext.UserId();
        if (await apps.FindAsync(ownerId, clientId, cancellationToken) is not { } app
            || await remove.RunAsync(app.Id, $"user:{ownerId}", cancellationToken) is not { } ended)
        {
            return NotFound();
        }

        TempData["Flash"] = ended == 0 ? "The app is deleted." : "The app is deleted, and everybody's access to it has ended.";
        return RedirectToPage("/Developer/OwnApps");
    }
}
