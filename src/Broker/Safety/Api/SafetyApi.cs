using Microsoft.AspNetCore.Http.HttpResults;
using TokenBroker.Accounts;
using TokenBroker.Apps.Api;

namespace TokenBroker.Safety;

/// <summary>A sanction to be: of a user by address, or of an app by client id; for some days, or until it is lifted.</summary>
internal sealed record SanctionInput(string? User, string? App, int? Days, string? Reason);

internal sealed record LiftInput(string? Note);

internal sealed record DecisionInput(bool? Accept, string? Answer);

/// <summary>The API of operators about strikes, sanctions and appeals; it takes an operator's personal token alone.</summary>
internal static class SafetyApi
{
    private const string Root = "/api/v1/safety";

    public static void MapSafetyApi(this WebApplication app)
    {
        Guard(app.MapGet(Root + "/strikes", StrikesAsync));
        Guard(app.MapGet(Root + "/sanctions", async (bool? all, SafetyDesk desk, CancellationToken cancellationToken) =>
            ApiBody.Write(new { sanctions = await desk.SanctionsAsync(all == true, cancellationToken) })));
        Guard(app.MapGet(Root + "/appeals", async (SafetyDesk desk, CancellationToken cancellationToken) =>
            ApiBody.Write(new { appeals = await desk.AppealsAsync(cancellationToken) })));
        Guard(app.MapPost(Root + "/sanctions", SanctionAsync));
        Guard(app.MapPost(Root + "/sanctions/{id:guid}/lift", LiftAsync));
        Guard(app.MapPost(Root + "/appeals/{id:guid}/decide", DecideAsync));
    }

    private static void Guard(RouteHandlerBuilder endpoint) => AppsApi.Guard(endpoint, Operators.ApiOperatorPolicy);

    private static string Actor(HttpContext context) =>
        $"user:{context.User.UserId() ?? throw new InvalidOperationException("Nobody is signed in.")}";

    private static async Task<IResult> StrikesAsync(string? user, string? app, SafetyDesk desk, CancellationToken cancellationToken)
    {
        try
        {
            var subject = user is null && app is null ? (Subject?)null : await desk.FindAsync(user, app, cancellationToken);
            return ApiBody.Write(new { strikes = await desk.StrikesAsync(subject, cancellationToken) });
        }
        catch (KeyNotFoundException exception)
        {
            return Wrong(exception.Message);
        }
    }

    private static async Task<IResult> SanctionAsync(HttpContext context, SafetyDesk desk, ApplySanction sanctions, TimeProvider time)
    {
        var (input, problem) = await ApiBody.ReadAsync<SanctionInput>(context);
        if (input is null)
        {
            return problem!;
        }

        if (OneLine.Of(input.Reason, Sanction.LongestReason) is not { Length: > 0 } reason || input.Days is < 1 or > 3650)
        {
            return Wrong("Give a reason that whom it meets can read, and 1 to 3650 days, or none for a ban.");
        }

        try
        {
            var subject = await desk.FindAsync(input.User, input.App, context.RequestAborted);
            DateTime? until = input.Days is { } days ? time.GetUtcNow().UtcDateTime.AddDays(days) : null;
            return await sanctions.RunAsync(subject, until, reason, Actor(context), context.RequestAborted) is { } id
                ? ApiBody.Write(new { id }, StatusCodes.Status201Created)
                : ApiBody.Conflict("A sanction at least as long is in force.");
        }
        catch (KeyNotFoundException exception)
        {
            return Wrong(exception.Message);
        }
    }

    private static async Task<IResult> LiftAsync(Guid id, HttpContext context, ApplySanction sanctions)
    {
        var (input, problem) = await ApiBody.ReadAsync<LiftInput>(context);
        return input is null ? problem!
            : await sanctions.LiftAsync(id, Actor(context), OneLine.Of(input.Note, Sanction.LongestReason), context.RequestAborted) ? TypedResults.NoContent()
            : ApiBody.NotFound();
    }

    private static async Task<IResult> DecideAsync(Guid id, HttpContext context, Appeals appeals)
    {
        var (input, problem) = await ApiBody.ReadAsync<DecisionInput>(context);
        return input is null ? problem!
            : input.Accept is not { } accept ? Wrong("Say whether to 'accept' it.")
            : await appeals.DecideAsync(id, accept, input.Answer, Actor(context), context.RequestAborted) ? TypedResults.NoContent()
            : ApiBody.NotFound();
    }

    private static ProblemHttpResult Wrong(string detail) => TypedResults.Problem(detail, statusCode: StatusCodes.Status400BadRequest);
}
