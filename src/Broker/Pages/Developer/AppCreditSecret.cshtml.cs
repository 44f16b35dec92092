using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Credit;

namespace TokenBroker.Pages.Developer;

/// <summary>Makes a secret for top-ups. Who has one gives credit at the owner's cost: a recent sign-in is asked for.</summary>
[RequireRecentSignIn]
internal sealed class AppCreditSecretModel(OwnApps apps, CreditSecrets secrets) : PageModel
{
    public App App { get; private set; } = null!;

    /// <summary>In the answer to the post, and nowhere else.</summary>
    public NewCreditSecret? Made { get; private set; }

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken) => await LoadAsync(clientId, cancellationToken) ? Page() : NotFound();

    public async Task<IActionResult> OnPostAsync(string clientId, string? name, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        Made = await secrets.CreateAsync(App.Id, name, $"user:{HttpContext.UserId()}", cancellationToken);
        if (Made is null)
        {
            ModelState.AddModelError("name", $"You have {CreditSecrets.MostSecrets} secrets, the most that one app keeps. Revoke one first.");
        }

        return Page();
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
