using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Operator;

/// <summary>The queue of the reviewers, and the apps of any other state.</summary>
internal sealed class ReviewsModel(BrokerDbContext db, TimeProvider time) : PageModel
{
    public const int MostShown = 200;

    public ReviewStatus Shown { get; private set; } = ReviewStatus.Submitted;

    public IReadOnlyDictionary<ReviewStatus, int> Counts { get; private set; } = new Dictionary<ReviewStatus, int>();

    public IReadOnlyList<Row> Rows { get; private set; } = [];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public async Task OnGetAsync(string? status, CancellationToken cancellationToken)
    {
        if (Enum.TryParse<ReviewStatus>(status, ignoreCase: true, out var asked) && Enum.IsDefined(asked))
        {
            Shown = asked;
        }

        Counts = await db.Apps.Where(App.InUse).GroupBy(a => a.ReviewStatus).Select(g => new { g.Key, Count = g.Count() }).ToDictionaryAsync(g => g.Key, g => g.Count, cancellationToken);
        Rows = await (
            from app in db.Apps.AsNoTracking().Where(App.InUse)
            where app.ReviewStatus == Shown
            join user in db.Users on app.OwnerId equals (Guid?)user.Id into owners
            from owner in owners.DefaultIfEmpty()
            orderby app.SubmittedAt ?? app.CreatedAt
            select new Row(app, owner == null ? null : owner.Email)).Take(MostShown).ToListAsync(cancellationToken);
    }

    public static string WithoutOwner(App app) => app.Source switch
    {
        AppSource.Configuration => "From the configuration",
        AppSource.DynamicRegistration => "Registered itself",
        AppSource.MetadataDocument => "By its metadata document",
        _ => "Its owner's account is gone",
    };

    internal sealed record Row(App App, string? Owner);
}
