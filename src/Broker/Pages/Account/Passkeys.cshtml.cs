using System.Net.Mime;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.WebUtilities;
using TokenBroker.Accounts;
using TokenBroker.Accounts.Passkeys;

namespace TokenBroker.Pages.Account;

/// <summary>
/// The posts of the Security page that change passkeys. They ask for a recent sign-in: whoever finds a browser open
/// must not make themselves a key to the account.
/// </summary>
[EnableRateLimiting(AccountsRateLimit.Policy)]
[RequireRecentSignIn(ReturnTo = "/account")]
internal sealed class PasskeysModel(PasskeyRing passkeys) : PageModel
{
    [BindProperty]
    public string? Id { get; set; }

    [BindProperty]
    public string? Name { get; set; }

    [BindProperty]
    public string? Credential { get; set; }

    public IActionResult OnGet() => RedirectToPage("/Account/Security");

    public async Task<IActionResult> OnPostPasskeyOptionsAsync(CancellationToken cancellationToken) =>
        Content(await passkeys.OptionsForAsync(HttpContext.UserId(), cancellationToken), MediaTypeNames.Application.Json);

    public async Task<IActionResult> OnPostAddAsync(CancellationToken cancellationToken)
    {
        var device = DeviceName.From(Request.Headers.UserAgent.ToString());
        return Done(
            await passkeys.AddAsync(HttpContext.UserId(), Credential, device, cancellationToken),
            "The passkey is added. All other sessions are ended.",
            "The passkey could not be verified. Try again.");
    }

    public async Task<IActionResult> OnPostRenameAsync(CancellationToken cancellationToken) =>
        await OwnAsync(cancellationToken) is { } id
            ? Done(
                await passkeys.RenameAsync(HttpContext.UserId(), id, Name, cancellationToken),
                "The name is saved.",
                "The name could not be saved.")
            : NotFound();

    public async Task<IActionResult> OnPostRemoveAsync(CancellationToken cancellationToken) =>
        await OwnAsync(cancellationToken) is { } id
            ? Done(
                await passkeys.RemoveAsync(HttpContext.UserId(), id, cancellationToken),
                "The passkey is removed, and all other sessions are ended. Delete it in your password manager as well.",
                "The passkey was not removed: it is the only way into your account.")
            : NotFound();

    /// <summary>The passkey that the form names, if it is this person's.</summary>
    private async Task<byte[]?> OwnAsync(CancellationToken cancellationToken) =>
        CredentialId() is { } id && await passkeys.HasAsync(HttpContext.UserId(), id, cancellationToken) ? id : null;

    private byte[]? CredentialId()
    {
        try
        {
            return string.IsNullOrEmpty(Id) ? null : WebEncoders.Base64UrlDecode(Id);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private RedirectToPageResult Done(bool succeeded, string done, string problem)
    {
        TempData[succeeded ? "Flash" : "FlashProblem"] = succeeded ? done : problem;
        return RedirectToPage("/Account/Security");
    }
}
