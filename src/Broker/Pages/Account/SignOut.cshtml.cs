using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;

namespace TokenBroker.Pages.Account;

/// <summary>Open to visitors too: signing out of a session that has just run out is no error.</summary>
internal sealed class SignOutModel(Sessions sessions) : PageModel
{
    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        await sessions.SignOutAsync(cancellationToken);
        TempData["Flash"] = "You are signed out.";
        return RedirectToPage("/Account/SignIn");
    }
}
