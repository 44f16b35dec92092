using TokenBroker.Apps;

namespace TokenBroker.Pages;

/// <summary>The states of a review as people read them.</summary>
internal static class ReviewWords
{
    public static (string Badge, string Words) Of(ReviewStatus status) => status switch
    {
        ReviewStatus.Approved => ("badge-ok", "Approved"),
        ReviewStatus.Submitted => ("badge-warn", "Waiting for review"),
        ReviewStatus.Rejected => ("badge-danger", "Sent back"),
        _ => ("badge-neutral", "Not reviewed"),
    };
}
