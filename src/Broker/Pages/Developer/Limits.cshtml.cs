using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Metering;

namespace TokenBroker.Pages.Developer;

/// <summary>What one app of this user may spend over all its users. Somebody else's is not found.</summary>
internal sealed class LimitsModel(OwnApps apps, SetCaps caps, ReadSpend spend) : PageModel
{
    [BindProperty]
    public CapsForm Caps { get; set; } = new();

    public App App { get; private set; } = null!;

    private AccountId Account => new(AccountKind.App, App.Id);

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        Caps = CapsForm.Of(await caps.ListAsync(Account, cancellationToken), await spend.OfAsync(Account, cancellationToken));
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(string clientId, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        if (Caps.Read(ModelState) is not { } limits)
        {
            Caps.Beside(await caps.ListAsync(Account, cancellationToken), await spend.OfAsync(Account, cancellationToken));
            return Page();
        }

        await caps.RunAsync(Account, limits, CapSetter.Owner, $"user:{HttpContext.UserId()}", cancellationToken);
        TempData["Flash"] = "Saved. It holds from the next call on.";
        return RedirectToPage("/Developer/OwnApp", new { clientId });
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
