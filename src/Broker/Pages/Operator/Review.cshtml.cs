using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Review;
using TokenBroker.Pages.Developer;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Operator;

/// <summary>Everything that a reviewer needs to decide on one app.</summary>
internal sealed class ReviewModel(BrokerDbContext db, TesterLimit testers, Catalogue catalogue, TimeProvider time) : PageModel
{
    public App App { get; private set; } = null!;

    public string? Owner { get; private set; }

    public int Testers { get; private set; }

    public int Limit => testers.Limit;

    /// <summary>Null where it was never approved.</summary>
    public IReadOnlyList<string>? Changes { get; private set; }

    public IReadOnlyList<(string Title, string Sentence, bool Optional)> Scopes { get; private set; } = [];

    public bool IsOwn => App.OwnerId == HttpContext.UserId();

    public bool MayBeApproved => App.ReviewStatus == ReviewStatus.Submitted || (App.OwnerId is null && App.ReviewStatus != ReviewStatus.Approved);

    public string WithoutOwner => App.Source switch
    {
        AppSource.Configuration => "Nobody: it is in the configuration",
        AppSource.DynamicRegistration => "Nobody: it registered itself",
        AppSource.MetadataDocument => "Whoever runs the host of its client id",
        _ => "Nobody: its owner's account is gone",
    };

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    /// <summary>Decisions are posted to <see cref="DecideModel"/>.</summary>
    public IActionResult OnPost() => StatusCode(StatusCodes.Status405MethodNotAllowed);

    public async Task<IActionResult> OnGetAsync(Guid id, CancellationToken cancellationToken)
    {
        if (await db.Apps.AsNoTracking().Where(App.InUse).FirstOrDefaultAsync(a => a.Id == id, cancellationToken) is not { } app)
        {
            return NotFound();
        }

        App = app;
        Owner = await db.Users.Where(u => u.Id == app.OwnerId).Select(u => u.Email).FirstOrDefaultAsync(cancellationToken);
        Testers = await testers.CountAsync(id, cancellationToken);
        Changes = await ReviewedFacts.LastApprovedAsync(db, app, cancellationToken) is { } approved ? [.. approved.ChangesTo(app)] : null;
        var asked = AppDetails.Of(app).Scopes;
        Scopes = [.. AppForm.Choices(catalogue).Where(c => asked.Contains(c.Scope)).Select(c => (c.Title, c.Sentence, app.OptionalScopes.Contains(c.Scope)))];
        return Page();
    }
}
