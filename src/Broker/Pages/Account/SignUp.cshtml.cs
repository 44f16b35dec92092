using System.Net.Mime;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.RateLimiting;
using TokenBroker.Accounts;
using TokenBroker.Accounts.Passkeys;

namespace TokenBroker.Pages.Account;

[EnableRateLimiting(AccountsRateLimit.Policy)]
[FormMayReturnToApp]
internal sealed class SignUpModel(CreateAccount create, PasskeyRing passkeys) : PageModel
{
    [BindProperty]
    public string? Email { get; set; }

    [BindProperty]
    public string? Password { get; set; }

    [BindProperty]
    public string? Credential { get; set; }

    [BindProperty(Name = "returnUrl", SupportsGet = true)]
    public string? ReturnUrl { get; set; }

    public IActionResult OnGet() =>
        HttpContext.CurrentSession() is null ? Page() : LocalRedirect(this.LocalOrHome(ReturnUrl));

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken) =>
        Finish(await create.WithPasswordAsync(Email, Password, cancellationToken));

    public async Task<IActionResult> OnPostPasskeyAsync(CancellationToken cancellationToken)
    {
        var device = DeviceName.From(Request.Headers.UserAgent.ToString());
        if (await passkeys.VerifyAsync(Credential, device) is not { } made)
        {
            ModelState.AddModelError("", "The passkey could not be verified. Try again.");
            return Page();
        }

        return Finish(await create.WithPasskeyAsync(made.Owner, made.Passkey, cancellationToken));
    }

    /// <summary>The same for a new and for a known address: whether it is taken shows only after the passkey is made.</summary>
    public async Task<IActionResult> OnPostPasskeyOptionsAsync() => CreateAccount.IsEmail(Email?.Trim())
        ? Content(await passkeys.OptionsForNewAsync(Email!.Trim()), MediaTypeNames.Application.Json)
        : new JsonResult(new { message = CreateAccount.BadEmail.Description }) { StatusCode = StatusCodes.Status400BadRequest };

    private IActionResult Finish(IdentityResult result)
    {
        if (result.Succeeded)
        {
            return LocalRedirect(this.LocalOrHome(ReturnUrl));
        }

        foreach (var error in result.Errors)
        {
            var field = error.Code.StartsWith("Password", StringComparison.Ordinal) ? nameof(Password) : nameof(Email);
            ModelState.AddModelError(field, error.Description);
        }

        return Page();
    }
}
