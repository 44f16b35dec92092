using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Logos;
using TokenBroker.Apps.Owned;
using TokenBroker.Apps.Review;
using TokenBroker.Safety;

namespace TokenBroker.Pages.Developer;

/// <summary>One app of this user: its state, settings and logo. Somebody else's is not found.</summary>
internal sealed class OwnAppModel(OwnApps apps, ChangeApp change, AppLogos logos, ReviewApp review, TesterLimit testers, TimeProvider time) : PageModel
{
    private const int LongestNote = 1000;

    [BindProperty]
    public AppForm Form { get; set; } = new();

    public App App { get; private set; } = null!;

    public int Testers { get; private set; }

    public int Limit => testers.Limit;

    public bool HasLogo { get; private set; }

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    /// <summary>Each form names its handler.</summary>
    public IActionResult OnPost() => StatusCode(StatusCodes.Status405MethodNotAllowed);

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        Form = AppForm.Of(App);
        return Page();
    }

    public async Task<IActionResult> OnPostSaveAsync(string clientId, CancellationToken cancellationToken)
    {
        var was = (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken))?.ReviewStatus;
        var answer = await change.UpdateAsync(HttpContext.UserId(), clientId, Form.ToRegistration(), cancellationToken);
        if (answer.App is { } app)
        {
            TempData["Flash"] = was != app.ReviewStatus
                ? "Saved. The app has to be submitted for review again."
                : "Saved.";
            return RedirectToPage(new { clientId });
        }

        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        ModelState.Clear();
        foreach (var complaint in answer.Complaints)
        {
            ModelState.AddModelError(AppForm.FieldOf(complaint), $"The app {complaint.Message}.");
        }

        Form.Kind = App.Kind();
        return Page();
    }

    public async Task<IActionResult> OnPostSubmitAsync(string clientId, string? note, CancellationToken cancellationToken)
    {
        if (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken) is not { } app)
        {
            return NotFound();
        }

        var outcome = await review.SubmitAsync(app.Id, HttpContext.UserId(), OneLine.Of(note, LongestNote), cancellationToken);
        TempData[outcome == ReviewOutcome.Done ? "Flash" : "FlashProblem"] = outcome == ReviewOutcome.Done
            ? "Submitted. You will find the answer under Notices."
            : "It waits for its review, or is approved already.";
        return RedirectToPage(new { clientId });
    }

    public async Task<IActionResult> OnPostLogoAsync(string clientId, IFormFile? logo, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        ModelState.Clear();
        if (logo is null)
        {
            ModelState.AddModelError("Logo", "Choose a file.");
        }
        else
        {
            // What is too large is not read; one byte too many is enough to know.
            using var file = new MemoryStream();
            if (logo.Length <= AppLogos.MostBytes)
            {
                await logo.CopyToAsync(file, cancellationToken);
            }

            if ((await logos.SetAsync(HttpContext.UserId(), clientId, file.ToArray(), cancellationToken)).Complaint is { } complaint)
            {
                ModelState.AddModelError("Logo", complaint);
            }
        }

        if (ModelState.IsValid)
        {
            TempData["Flash"] = "The logo is stored.";
            return RedirectToPage(new { clientId });
        }

        Form = AppForm.Of(App);
        return Page();
    }

    public async Task<IActionResult> OnPostRemoveLogoAsync(string clientId, CancellationToken cancellationToken)
    {
        if (!(await logos.SetAsync(HttpContext.UserId(), clientId, null, cancellationToken)).Found)
        {
            return NotFound();
        }

        TempData["Flash"] = "The logo is removed.";
        return RedirectToPage(new { clientId });
    }

    public async Task<IActionResult> OnPostModerateAsync(string clientId, bool wants, [FromServices] WantModeration want, CancellationToken cancellationToken)
    {
        if (!await want.OfAppAsync(HttpContext.UserId(), clientId, wants, cancellationToken))
        {
            return NotFound();
        }

        TempData["Flash"] = wants ? "What the app sends is moderated from the next call on." : "What the app sends is moderated only where somebody else wants it.";
        return RedirectToPage(new { clientId });
    }

    private async Task<bool> LoadAsync(string clientId, CancellationToken cancellationToken)
    {
        if (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken) is not { } app)
        {
            return false;
        }

        App = app;
        Testers = await testers.CountAsync(app.Id, cancellationToken);
        HasLogo = await logos.VersionAsync(app.Id, cancellationToken) is not null;
        return true;
    }
}
