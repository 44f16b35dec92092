using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Metering;

namespace TokenBroker.Pages.Portal;

/// <summary>What a person lets all their apps spend together.</summary>
internal sealed class LimitsModel(SetCaps caps, ReadSpend spend) : PageModel
{
    [BindProperty]
    public CapsForm Caps { get; set; } = new();

    private AccountId Account => new(AccountKind.User, HttpContext.UserId());

    public async Task OnGetAsync() =>
        Caps = CapsForm.Of(await caps.ListAsync(Account, HttpContext.RequestAborted), await spend.OfAsync(Account, HttpContext.RequestAborted));

    public async Task<IActionResult> OnPostAsync()
    {
        if (Caps.Read(ModelState) is not { } limits)
        {
            Caps.Beside(await caps.ListAsync(Account, HttpContext.RequestAborted), await spend.OfAsync(Account, HttpContext.RequestAborted));
            return Page();
        }

        await caps.RunAsync(Account, limits, CapSetter.Owner, $"user:{HttpContext.UserId()}", HttpContext.RequestAborted);
        TempData["Flash"] = "Saved. It holds from the next call on.";
        return RedirectToPage("/Portal/Apps");
    }
}
