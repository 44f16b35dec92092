using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Accounts.Passwords;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Account;

/// <summary>Changes the password against the current one, or sets the first one after a recent sign-in.</summary>
[EnableRateLimiting(AccountsRateLimit.Policy)]
internal sealed class PasswordModel(BrokerDbContext db, SetPassword set, RecentSignIn recent) : PageModel
{
    [BindProperty]
    public string? CurrentPassword { get; set; }

    [BindProperty]
    public string? NewPassword { get; set; }

    public bool HasPassword { get; private set; }

    public string Email { get; private set; } = "";

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) =>
        await PrepareAsync(cancellationToken) ?? Page();

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        if (await PrepareAsync(cancellationToken) is { } elsewhere)
        {
            return elsewhere;
        }

        var result = await set.ToAsync(HttpContext.UserId(), CurrentPassword, NewPassword, cancellationToken);
        if (result.Succeeded)
        {
            TempData["Flash"] = "The password is set. All other sessions are ended.";
            return RedirectToPage("/Account/Security");
        }

        foreach (var error in result.Errors)
        {
            var field = error == SetPassword.WrongCurrent ? nameof(CurrentPassword) : nameof(NewPassword);
            ModelState.AddModelError(field, error.Description);
        }

        return Page();
    }

    private async Task<IActionResult?> PrepareAsync(CancellationToken cancellationToken)
    {
        var session = HttpContext.CurrentSession()!;
        Email = session.Email;
        HasPassword = await db.Users.AnyAsync(u => u.Id == session.UserId && u.PasswordHash != null, cancellationToken);
        return HasPassword || recent.Holds(HttpContext) ? null : Redirect(RecentSignIn.SignInUrl("/account/password"));
    }
}
