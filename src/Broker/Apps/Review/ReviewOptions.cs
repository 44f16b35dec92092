using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Apps.Review;

/// <summary>Section <c>Review</c>.</summary>
internal sealed class ReviewOptions
{
    public const string Section = "Review";

    /// <summary>How many people an app may have that the operator has not approved: enough to try it out, too few to harvest.</summary>
    [Range(1, 1000)]
    public int TesterLimit { get; set; } = 10;
}
