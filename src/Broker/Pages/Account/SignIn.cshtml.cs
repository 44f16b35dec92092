using System.Net.Mime;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.RateLimiting;
using TokenBroker.Accounts;
using TokenBroker.Accounts.Passkeys;
using TokenBroker.Accounts.Passwords;

namespace TokenBroker.Pages.Account;

[EnableRateLimiting(AccountsRateLimit.Policy)]
[FormMayReturnToApp]
internal sealed class SignInModel(SignInWithPassword byPassword, SignInWithPasskey byPasskey) : PageModel
{
    [BindProperty]
    public string? Email { get; set; }

    [BindProperty]
    public string? Password { get; set; }

    [BindProperty]
    public string? Credential { get; set; }

    [BindProperty(Name = "returnUrl", SupportsGet = true)]
    public string? ReturnUrl { get; set; }

    /// <summary>1 where a signed-in person must show again who they are.</summary>
    [BindProperty(Name = "reauth", SupportsGet = true)]
    public int Reauth { get; set; }

    public IActionResult OnGet()
    {
        if (HttpContext.CurrentSession() is { } session)
        {
            if (Reauth == 0)
            {
                return LocalRedirect(this.LocalOrHome(ReturnUrl));
            }

            Email = session.Email;
        }

        return Page();
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        if (await byPassword.TryAsync(Email, Password, cancellationToken))
        {
            return LocalRedirect(this.LocalOrHome(ReturnUrl));
        }

        ModelState.AddModelError("", "That e-mail address and password do not belong together. After five wrong tries, wait a few minutes.");
        return Page();
    }

    public async Task<IActionResult> OnPostPasskeyAsync(CancellationToken cancellationToken)
    {
        if (await byPasskey.TryAsync(Credential, cancellationToken))
        {
            return LocalRedirect(this.LocalOrHome(ReturnUrl));
        }

        ModelState.AddModelError("", "That passkey did not work here. Try again, or use your password.");
        return Page();
    }

    public async Task<IActionResult> OnPostPasskeyOptionsAsync() =>
        Content(await byPasskey.OptionsAsync(), MediaTypeNames.Application.Json);
}
