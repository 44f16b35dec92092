using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Notices;

namespace TokenBroker.Pages.Notices;

/// <summary>What this person should know, the latest first.</summary>
internal sealed class NoticesModel(NoticeBoard board, TimeProvider time) : PageModel
{
    public IReadOnlyList<Notice> Notices { get; private set; } = [];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public async Task OnGetAsync(CancellationToken cancellationToken) =>
        Notices = await board.ListAsync(HttpContext.UserId(), cancellationToken);

    public async Task<IActionResult> OnPostReadAsync(Guid id, CancellationToken cancellationToken)
    {
        if (!await board.HasAsync(HttpContext.UserId(), id, cancellationToken))
        {
            return NotFound();
        }

        await board.MarkReadAsync(HttpContext.UserId(), id, cancellationToken);
        return RedirectToPage();
    }

    public async Task<IActionResult> OnPostReadAllAsync(CancellationToken cancellationToken)
    {
        await board.MarkReadAsync(HttpContext.UserId(), null, cancellationToken);
        return RedirectToPage();
    }
}
