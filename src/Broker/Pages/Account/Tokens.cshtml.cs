using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;

namespace TokenBroker.Pages.Account;

/// <summary>The posts of the Security page about API tokens. A token outlives the session, so that making one asks for a recent sign-in.</summary>
[RequireRecentSignIn(ReturnTo = "/account")]
internal sealed class TokensModel(ApiTokens tokens) : PageModel
{
    /// <summary>In the answer to the post, and nowhere else.</summary>
    public string? Text { get; private set; }

    public IActionResult OnGet() => RedirectToPage("/Account/Security");

    public async Task<IActionResult> OnPostCreateAsync(string? name, int days, CancellationToken cancellationToken)
    {
        var made = await tokens.CreateAsync(HttpContext.UserId(), name, days, cancellationToken);
        if (made.Text is null)
        {
            TempData["FlashProblem"] = made.Complaint;
            return RedirectToPage("/Account/Security");
        }

        Text = made.Text;
        return Page();
    }

    public async Task<IActionResult> OnPostRevokeAsync(Guid id, CancellationToken cancellationToken)
    {
        if (!await tokens.RevokeAsync(HttpContext.UserId(), id, cancellationToken))
        {
            return NotFound();
        }

        TempData["Flash"] = "The token is revoked.";
        return RedirectToPage("/Account/Security");
    }
}
