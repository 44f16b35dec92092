using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Pages.Consent;

namespace TokenBroker.Pages.Portal;

/// <summary>
/// One app's access, to be changed by the person who gave it: less or more money, models and time, another key, and
/// which of the granted scopes stay. A scope that was not granted is not offered: an app has to ask for it.
/// </summary>
internal sealed class ChangeModel(PrepareConsent prepare, AnswerConsent answer, ChangeGrant change, ReadSpend spend) : PageModel
{
    [BindProperty]
    public ConsentForm Form { get; set; } = new();

    public ConsentRequest Access { get; private set; } = null!;

    /// <summary>What is spent of its budget, whatever the form says.</summary>
    public SpentOf Spent { get; private set; } = null!;

    public ConsentView View => new(Access, Form);

    public async Task<IActionResult> OnGetAsync(Guid id)
    {
        if (!await LoadAsync(id))
        {
            return NotFound();
        }

        Form = AsItIs(Access);
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(Guid id)
    {
        if (!await LoadAsync(id))
        {
            return NotFound();
        }

        if (Form.Seen != Access.Seen)
        {
            return ShowAgain();
        }

        var read = await answer.ReadAsync(Access, Form, ModelState, HttpContext.RequestAborted);
        Form.NewKey = null;
        if (read is null)
        {
            return Page();
        }

        if (!await change.RunAsync(read.Approval, HttpContext.RequestAborted))
        {
            return ShowAgain();
        }

        TempData["Flash"] = $"Saved. It holds for the next call of {Access.AppName}.";
        return RedirectToPage("/Portal/Apps");
    }

    private async Task<bool> LoadAsync(Guid id)
    {
        if (await prepare.ForGrantAsync(id, HttpContext) is not { Earlier: { } grant } access)
        {
            return false;
        }

        Access = access;
        Spent = SpentOf.Budget(grant, await spend.OfAsync(new AccountId(AccountKind.Grant, grant.Id), HttpContext.RequestAborted));
        return true;
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
