using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps.Owned;

namespace TokenBroker.Pages.Developer;

/// <summary>Replaces an app's secret. Whoever finds a browser open must not take the app over with it: a recent sign-in is asked for.</summary>
[RequireRecentSignIn]
internal sealed class SecretModel(OwnApps apps, ChangeApp change) : PageModel
{
    public string ClientId { get; private set; } = "";

    public string Name { get; private set; } = "";

    /// <summary>In the answer to the post, and nowhere else.</summary>
    public string? Secret { get; private set; }

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken)
    {
        if (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken) is not { ClientSecret: not null } app)
        {
            return NotFound();
        }

        (ClientId, Name) = (clientId, app.DisplayName ?? "");
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(string clientId, CancellationToken cancellationToken)
    {
        var answer = await change.NewSecretAsync(HttpContext.UserId(), clientId, cancellationToken);
        if (answer.App is not { } app)
        {
            return NotFound();
        }

        (ClientId, Name, Secret) = (clientId, app.DisplayName ?? "", answer.Secret);
        return Page();
    }
}
