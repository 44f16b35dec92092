using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Apps.Review;

namespace TokenBroker.Pages.Developer;

/// <summary>Registers an app. The secret is in the answer to the post and nowhere else: to load the page again does not show it.</summary>
internal sealed class NewAppModel(OwnApps apps, TesterLimit testers) : PageModel
{
    [BindProperty]
    public AppForm Form { get; set; } = new() { Scopes = ["offline_access"] };

    public App? Made { get; private set; }

    public string? Secret { get; private set; }

    public int Limit => testers.Limit;

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        if (!ModelState.IsValid)
        {
            ModelState.AddModelError("", "Choose what the app is.");
            return Page();
        }

        var answer = await apps.CreateAsync(HttpContext.UserId(), Form.Kind, Form.ToRegistration(), cancellationToken);
        (Made, Secret) = (answer.App, answer.Secret);
        foreach (var complaint in answer.Complaints)
        {
            ModelState.AddModelError(AppForm.FieldOf(complaint), $"The app {complaint.Message}.");
        }

        return Page();
    }
}
