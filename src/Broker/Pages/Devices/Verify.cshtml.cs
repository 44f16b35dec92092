using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using OpenIddict.Abstractions;
using TokenBroker.Accounts;
using TokenBroker.Authorization.Details;
using TokenBroker.Authorization.Devices;
using TokenBroker.Operations;
using TokenBroker.Pages.Consent;

namespace TokenBroker.Pages.Devices;

/// <summary>
/// The verification page of device authorization (RFC 8628, section 3.3): the person types the code that their device
/// shows, sees which app asks and confirms the code, and answers as on the consent page. The threat is a stranger who
/// starts a device of their own and talks somebody into entering its code: so a code in the address is only filled in,
/// nothing goes on without a post of the person, and the warning stands beside the code.
/// </summary>
internal sealed class VerifyModel(DeviceRequests devices, UserCodeGuesses guesses, PrepareConsent prepare, AnswerConsent answer) : PageModel
{
    private const string OutcomeKey = "Device";

    [BindProperty(Name = "user_code", SupportsGet = true)]
    public string? UserCode { get; set; }

    [BindProperty]
    public ConsentForm Form { get; set; } = new();

    /// <summary>Who asks for what, once the code is found.</summary>
    public ConsentRequest? Asked { get; private set; }

    /// <summary>The code as the device shows it.</summary>
    public string ShownCode => UserCodes.Read(UserCode) is { } code ? UserCodes.Show(code) : "";

    /// <summary><c>approved</c> or <c>denied</c>, once.</summary>
    public string? Outcome { get; private set; }

    public void OnGet()
    {
        // Of the answer before; a code in the address is a new question.
        var outcome = TempData[OutcomeKey] as string;
        Outcome = Request.Query.ContainsKey("user_code") ? null : outcome;
    }

    /// <summary>The code is entered.</summary>
    public async Task<IActionResult> OnPostAsync()
    {
        if (await FindAsync() is not { } device)
        {
            return Page();
        }

        await PrepareAsync(device);
        if (Asked is { IsSuspended: true })
        {
            return Redirect("/safety");
        }

        if (Asked is { IsFull: false })
        {
            Form = ConsentForm.For(Asked);
        }

        return Page();
    }

    /// <summary>The code is confirmed and the answer given.</summary>
    public async Task<IActionResult> OnPostAnswerAsync()
    {
        if (await FindAsync() is not { } device)
        {
            return Page();
        }

        await PrepareAsync(device);
        if (Asked is { IsSuspended: true })
        {
            return Redirect("/safety");
        }

        if (Form.Decision != ConsentForm.Approve)
        {
            await answer.DenyAsync(Asked!, HttpContext.RequestAborted);
            await devices.DenyAsync(device, HttpContext.RequestAborted);
            return Finish("denied");
        }

        (var grant, Form, _) = await answer.AllowAsync(Asked!, Form, ModelState, HttpContext.RequestAborted);
        if (grant is null)
        {
            return Page();
        }

        if (await devices.TryApproveAsync(device, grant, HttpContext.RequestAborted))
        {
            return Finish("approved");
        }

        Asked = null;
        Complain("This code was answered already, or ran out meanwhile. Start again on your device.");
        return Page();
    }

    private async Task<WaitingDevice?> FindAsync()
    {
        if (UserCodes.Read(UserCode) is not { } code)
        {
            Complain("A code has eight letters, such as BCDF-GHJK.");
            return null;
        }

        var (userId, network) = (HttpContext.UserId(), ClientNetwork.Of(HttpContext));
        if (!guesses.TryBegin(userId, network))
        {
            Response.StatusCode = StatusCodes.Status429TooManyRequests;
            Complain("Too many codes that no device shows. Wait ten minutes, then start again on your device.");
            return null;
        }

        if (await devices.FindAsync(code, HttpContext.RequestAborted) is not { } device)
        {
            Complain("No device shows this code now. Check it, or start again on your device: a code lasts ten minutes.");
            return null;
        }

        guesses.GiveBack(userId, network);
        return device;
    }

    private async Task PrepareAsync(WaitingDevice device) => Asked = await prepare.RunAsync(
        new AppAsk(device.Request.ClientId!, device.Request.GetScopes(), ReturnsTo: null) { Details = (string?)device.Request[ModelAccess.Parameter] },
        HttpContext);

    private void Complain(string complaint) => ModelState.AddModelError(nameof(UserCode), complaint);

    private RedirectResult Finish(string outcome)
    {
        TempData[OutcomeKey] = outcome;
        return Redirect("/connect/verify");
    }
}
