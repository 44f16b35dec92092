using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps.Review;

namespace TokenBroker.Pages.Operator;

/// <summary>The posts of the review page. They ask for a recent sign-in, and come back to the page after it.</summary>
[RequireRecentSignIn]
internal sealed class DecideModel(ReviewApp review) : PageModel
{
    private const int LongestNote = 1000;

    [BindProperty]
    public string? Note { get; set; }

    [BindProperty]
    public string? Version { get; set; }

    public IActionResult OnGet(Guid id) => RedirectToPage("/Operator/Review", new { id });

    /// <summary>A form without a decision decides nothing.</summary>
    public IActionResult OnPost(Guid id) => OnGet(id);

    public async Task<IActionResult> OnPostApproveAsync(Guid id, CancellationToken cancellationToken) =>
        Back(id, await review.ApproveAsync(id, HttpContext.UserId(), Version ?? "", NoteLine, cancellationToken), "Approved. Its developer is told.");

    public async Task<IActionResult> OnPostRejectAsync(Guid id, CancellationToken cancellationToken) =>
        NoteLine.Length == 0
            ? WithoutNote(id)
            : Back(id, await review.RejectAsync(id, HttpContext.UserId(), Version ?? "", NoteLine, cancellationToken), "Sent back. Its developer is told.");

    public async Task<IActionResult> OnPostWithdrawAsync(Guid id, CancellationToken cancellationToken) =>
        NoteLine.Length == 0
            ? WithoutNote(id)
            : Back(id, await review.WithdrawAsync(id, HttpContext.UserId(), NoteLine, cancellationToken), "The approval is withdrawn. Its developer is told.");

    private string NoteLine => OneLine.Of(Note, LongestNote);

    private RedirectToPageResult WithoutNote(Guid id)
    {
        TempData["FlashProblem"] = "Nothing was decided: write to the developer what is wrong.";
        return RedirectToPage("/Operator/Review", new { id });
    }

    private IActionResult Back(Guid id, ReviewOutcome outcome, string done)
    {
        if (outcome == ReviewOutcome.NotFound)
        {
            return NotFound();
        }

        TempData[outcome == ReviewOutcome.Done ? "Flash" : "FlashProblem"] = outcome switch
        {
            ReviewOutcome.Done => done,
            ReviewOutcome.Changed => "Nothing was decided: the app was changed while you looked at it. This is how it is now.",
            _ => "Nothing was decided: the app is in another state by now.",
        };
        return RedirectToPage("/Operator/Review", new { id });
    }
}
