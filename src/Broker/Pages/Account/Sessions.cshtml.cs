using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;

namespace TokenBroker.Pages.Account;

/// <summary>The posts of the Security page that end sessions.</summary>
internal sealed class SessionsModel(Sessions sessions) : PageModel
{
    [BindProperty]
    public Guid Id { get; set; }

    public IActionResult OnGet() => RedirectToPage("/Account/Security");

    public async Task<IActionResult> OnPostEndAsync(CancellationToken cancellationToken)
    {
        if (!await sessions.EndAsync(HttpContext.UserId(), Id, "ended by the user", cancellationToken))
        {
            return NotFound();
        }

        TempData["Flash"] = "The session is ended.";
        return RedirectToPage("/Account/Security");
    }

    public async Task<IActionResult> OnPostEndOthersAsync(CancellationToken cancellationToken)
    {
        await sessions.EndOthersAsync(HttpContext.UserId(), "ended by the user", cancellationToken);
        TempData["Flash"] = "All other sessions are ended.";
        return RedirectToPage("/Account/Security");
    }
}
