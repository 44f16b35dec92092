using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Apps.Review;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Api;

/// <summary>The API of those who review, as on the pages under <c>/operator/reviews</c>. To everybody else it is not there.</summary>
internal static class ReviewsApi
{
    private const string Root = "/api/v1/reviews";
    private const int MostListed = 200;

    public static void MapReviewsApi(this WebApplication app)
    {
        AppsApi.Guard(app.MapGet(Root, ListAsync), Operators.ApiOperatorPolicy);
        foreach (var step in (string[])["approve", "reject", "withdraw"])
        {
            AppsApi.Guard(
                app.MapPost($"{Root}/{{client_id}}/{step}", ([FromRoute(Name = "client_id")] string clientId, HttpContext context, BrokerDbContext db, ReviewApp review, TesterLimit testers) =>
                    DecideAsync(step, clientId, context, db, review, testers)),
                Operators.ApiOperatorPolicy);
        }
    }

    /// <summary>Those that wait, the longest waiting first; or those of the status that is asked for.</summary>
    private static async Task<IResult> ListAsync(string? status, BrokerDbContext db, TesterLimit testers, CancellationToken cancellationToken)
    {
        var asked = ReviewStatus.Submitted;
        if (status is not null && (!Enum.TryParse(status, ignoreCase: true, out asked) || int.TryParse(status, out _)))
        {
            return ApiBody.Refuse([new AppComplaint("status", "can be asked for by the status unreviewed, submitted, approved or rejected")]);
        }

        var apps = await db.Apps.AsNoTracking()
            .Where(App.InUse)
            .Where(a => a.ReviewStatus == asked)
            .OrderBy(a => a.SubmittedAt ?? a.CreatedAt)
            .Take(MostListed)
            .ToListAsync(cancellationToken);
        List<AppDocument> documents = [];
        foreach (var app in apps)
        {
            documents.Add(await DocumentAsync(app, db, testers, cancellationToken));
        }

        return ApiBody.Write(new { apps = documents });
    }

    private static async Task<IResult> DecideAsync(string step, string clientId, HttpContext context, BrokerDbContext db, ReviewApp review, TesterLimit testers)
    {
        var cancellationToken = context.RequestAborted;

        // The id of a metadata document is an address, whose slashes routing leaves encoded.
        clientId = clientId.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (await db.Apps.AsNoTracking().Where(App.InUse).FirstOrDefaultAsync(a => a.ClientId == clientId, cancellationToken) is not { } app)
        {
            return ApiBody.NotFound();
        }

        var (input, problem) = await ApiBody.ReadAsync<StepInput>(context);
        if (input is null)
        {
            return problem!;
        }

        var note = AppsApi.Note(input.Note);
        if (step != "approve" && note.Length == 0)
        {
            return ApiBody.Refuse([new AppComplaint(nameof(input.Note), "needs a note that tells its owner why")]);
        }

        if (step != "withdraw" && string.IsNullOrEmpty(input.Version))
        {
            return ApiBody.Refuse([new AppComplaint(nameof(input.Version), "needs the version that was reviewed, as it is listed")]);
        }

        var operatorId = context.User.UserId() ?? throw new InvalidOperationException("Nobody is signed in.");
        var outcome = step switch
        {
            "approve" => await review.ApproveAsync(app.Id, operatorId, input.Version!, note, cancellationToken),
            "reject" => await review.RejectAsync(app.Id, operatorId, input.Version!, note, cancellationToken),
            _ => await review.WithdrawAsync(app.Id, operatorId, note, cancellationToken),
        };
        return outcome switch
        {
            ReviewOutcome.Done => ApiBody.Write(await DocumentAsync(
                await db.Apps.AsNoTracking().SingleAsync(a => a.Id == app.Id, cancellationToken), db, testers, cancellationToken)),
            ReviewOutcome.NotFound => ApiBody.NotFound(),
            ReviewOutcome.Changed => ApiBody.Conflict("The app was changed since that version. Look at it again."),
            _ => ApiBody.Conflict($"This step does not go from where the app is: {app.ReviewStatus}."),
        };
    }

    private static async Task<AppDocument> DocumentAsync(App app, BrokerDbContext db, TesterLimit testers, CancellationToken cancellationToken)
    {
        var approved = await ReviewedFacts.LastApprovedAsync(db, app, cancellationToken);
        return AppDocument.Of(app, await testers.CountAsync(app.Id, cancellationToken), testers.Limit) with
        {
            Owner = await db.Users.Where(u => u.Id == app.OwnerId).Select(u => u.Email).FirstOrDefaultAsync(cancellationToken),
            ChangesSinceApproval = approved is null ? null : [.. approved.ChangesTo(app)],
        };
    }
}
