using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Safety;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Safety;

/// <summary>What moderation found in a person's calls, what became of it and until when, their one word against it, and their own wish to have everything moderated.</summary>
internal sealed class SafetyModel(BrokerDbContext db, SafetyDesk desk, Appeals appeals, WantModeration want, TimeProvider time) : PageModel
{
    public IReadOnlyList<ShownSanction> Sanctions { get; private set; } = [];

    public IReadOnlyList<ShownStrike> Strikes { get; private set; } = [];

    public bool WantsModeration { get; private set; }

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        var userId = HttpContext.UserId();
        Sanctions = await desk.SanctionsOfAsync(userId, cancellationToken);
        Strikes = [.. (await desk.StrikesAsync(Subject.User(userId), cancellationToken)).Take(50)];
        WantsModeration = await db.Users.AnyAsync(u => u.Id == userId && u.WantsModeration, cancellationToken);
    }

    /// <summary>Each form names its handler.</summary>
    public IActionResult OnPost() => StatusCode(StatusCodes.Status405MethodNotAllowed);

    public async Task<IActionResult> OnPostAppealAsync(Guid id, string? text, CancellationToken cancellationToken)
    {
        var complaint = await appeals.WriteAsync(HttpContext.UserId(), id, text, cancellationToken);
        TempData[complaint is null ? "Flash" : "FlashProblem"] = complaint ?? "Sent. You will find the answer under Notices.";
        return RedirectToPage();
    }

    public async Task<IActionResult> OnPostModerateAsync(bool wants, CancellationToken cancellationToken)
    {
        await want.OfUserAsync(HttpContext.UserId(), wants, cancellationToken);
        TempData["Flash"] = wants ? "From the next call on, everything that apps send on your keys is moderated first." : "Only what the broker or an app's owner wants moderated is.";
        return RedirectToPage();
    }
}
