using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Grants;
using TokenBroker.Pages.Consent;

namespace TokenBroker.Pages.Portal;

/// <summary>
/// One app's access, to be changed by the person who gave it: less or more money, models and time, another key, and
/// which of the granted scopes stay. A scope that was not granted is not offered: an app has to ask for it.
/// </summary>
internal sealed class ChangeModel(PrepareConsent prepare, AnswerConsent answer, ChangeGrant change) : PageModel
{
    [BindProperty]
    public ConsentForm Form { get; set; } = new();

    public ConsentRequest Access { get; private set; } = null!;

    public ConsentView View => new(Access, Form);

    public async Task<IActionResult> OnGetAsync(Guid id)
    {
        if (await prepare.ForGrantAsync(id, HttpContext) is not { } access)
        {
            return NotFound();
        }

        (Access, Form) = (access, AsItIs(access));
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(Guid id)
    {
        if (await prepare.ForGrantAsync(id, HttpContext) is not { } access)
        {
            return NotFound();
        }

        Access = access;
        if (Form.Seen != access.Seen)
        {
            return ShowAgain();
        }

        var read = await answer.ReadAsync(access, Form, ModelState, HttpContext.RequestAborted);
        Form.NewKey = null;
        if (read is null)
        {
            return Page();
        }

        if (!await change.RunAsync(read.Approval, HttpContext.RequestAborted))
        {
            return ShowAgain();
        }

        TempData["Flash"] = $"Saved. It holds for the next call of {access.AppName}.";
        return RedirectToPage("/Portal/Apps");
    }

    private PageResult ShowAgain()
    {
        ModelState.Clear();
        ModelState.AddModelError("", "This access has changed since the page was opened. This is how it stands now.");
        Form = AsItIs(Access);
        return Page();
    }

    private static ConsentForm AsItIs(ConsentRequest access)
    {
        var form = ConsentForm.For(access);
        form.LifetimeDays = LifetimeChoice.Keep;
        return form;
    }
}
