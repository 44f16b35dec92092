using System.Security.Claims;
using Microsoft.AspNetCore.Mvc;
using TokenBroker.Accounts;
using TokenBroker.Apps.Owned;
using TokenBroker.Apps.Review;

namespace TokenBroker.Apps.Api;

/// <summary>
/// The API by which developers keep their apps, as on the pages under <c>/developer</c>. It takes a personal token and
/// never the session's cookie, so that no page elsewhere can use it. Another owner's app is not found.
/// </summary>
internal static class AppsApi
{
    private const string Root = "/api/v1/apps";

    public static void MapAppsApi(this WebApplication app)
    {
        Guard(app.MapGet(Root, ListAsync));
        Guard(app.MapPost(Root, CreateAsync));
        Guard(app.MapGet(Root + "/{client_id}", GetAsync));
        Guard(app.MapPut(Root + "/{client_id}", UpdateAsync));
        Guard(app.MapDelete(Root + "/{client_id}", DeleteAsync));
        Guard(app.MapPost(Root + "/{client_id}/secret", NewSecretAsync));
        Guard(app.MapPost(Root + "/{client_id}/submit", SubmitAsync));
    }

    internal static void Guard(RouteHandlerBuilder endpoint, string policy = Operators.ApiPolicy) => endpoint
        .RequireAuthorization(policy)
        .DisableAntiforgery()
        .WithMetadata(new RequestSizeLimitAttribute(ApiBody.MostBytes))
        .AddEndpointFilter(static (context, next) =>
        {
            context.HttpContext.Response.Headers.CacheControl = "no-store";
            return next(context);
        });

    internal static string Note(string? note) => OneLine.Of(note, 1000);

    private static Guid OwnerId(ClaimsPrincipal user) => user.UserId() ?? throw new InvalidOperationException("Nobody is signed in.");

    private static async Task<IResult> ListAsync(ClaimsPrincipal user, OwnApps apps, TesterLimit testers, CancellationToken cancellationToken)
    {
        List<AppDocument> documents = [];
        foreach (var app in await apps.ListAsync(OwnerId(user), cancellationToken))
        {
            documents.Add(await DocumentAsync(app, testers, cancellationToken));
        }

        return ApiBody.Write(new { apps = documents });
    }

    private static async Task<IResult> GetAsync([FromRoute(Name = "client_id")] string clientId, ClaimsPrincipal user, OwnApps apps, TesterLimit testers, CancellationToken cancellationToken) =>
        await apps.FindAsync(OwnerId(user), clientId, cancellationToken) is { } app
            ? ApiBody.Write(await DocumentAsync(app, testers, cancellationToken))
            : ApiBody.NotFound();

    private static async Task<IResult> CreateAsync(HttpContext context, OwnApps apps, TesterLimit testers)
    {
        var (input, problem) = await ApiBody.ReadAsync<AppInput>(context);
        if (input is null)
        {
            return problem!;
        }

        if (input.Kind is not { } kind)
        {
            return ApiBody.Refuse([new AppComplaint(nameof(AppInput.Kind), "needs a kind: server, browser, native or device")]);
        }

        var answer = await apps.CreateAsync(OwnerId(context.User), kind, input.ToRegistration(), context.RequestAborted);
        if (answer.App is not { } app)
        {
            return ApiBody.Refuse(answer.Complaints);
        }

        context.Response.Headers.Location = $"{Root}/{app.ClientId}";
        return ApiBody.Write(await DocumentAsync(app, testers, context.RequestAborted) with { ClientSecret = answer.Secret }, StatusCodes.Status201Created);
    }

    private static async Task<IResult> UpdateAsync(
        [FromRoute(Name = "client_id")] string clientId, HttpContext context, OwnApps apps, ChangeApp change, TesterLimit testers)
    {
        var ownerId = OwnerId(context.User);
        if (await apps.FindAsync(ownerId, clientId, context.RequestAborted) is not { } current)
        {
            return ApiBody.NotFound();
        }

        var (input, problem) = await ApiBody.ReadAsync<AppInput>(context);
        if (input is null)
        {
            return problem!;
        }

        if (input.Kind is { } kind && kind != current.Kind())
        {
            return ApiBody.Refuse([new AppComplaint(nameof(AppInput.Kind), "keeps its kind; register another app")]);
        }

        return await AnswerAsync(await change.UpdateAsync(ownerId, clientId, input.ToRegistration(), context.RequestAborted), testers, context.RequestAborted);
    }

    private static async Task<IResult> NewSecretAsync(
        [FromRoute(Name = "client_id")] string clientId, ClaimsPrincipal user, ChangeApp change, TesterLimit testers, CancellationToken cancellationToken) =>
        await AnswerAsync(await change.NewSecretAsync(OwnerId(user), clientId, cancellationToken), testers, cancellationToken);

    private static async Task<IResult> DeleteAsync(
        [FromRoute(Name = "client_id")] string clientId, ClaimsPrincipal user, OwnApps apps, RemoveApp remove, CancellationToken cancellationToken) =>
        await apps.FindAsync(OwnerId(user), clientId, cancellationToken) is { } app
            && await remove.RunAsync(app.Id, $"user:{OwnerId(user)}", cancellationToken) is not null
            ? TypedResults.NoContent()
            : ApiBody.NotFound();

    private static async Task<IResult> SubmitAsync(
        [FromRoute(Name = "client_id")] string clientId, HttpContext context, OwnApps apps, ReviewApp review, TesterLimit testers)
    {
        var ownerId = OwnerId(context.User);
        if (await apps.FindAsync(ownerId, clientId, context.RequestAborted) is not { } app)
        {
            return ApiBody.NotFound();
        }

        var (input, problem) = context.Request.ContentLength is 0 || context.Request.ContentType is null
            ? new ApiBody<StepInput>(new StepInput(), null)
            : await ApiBody.ReadAsync<StepInput>(context);
        if (input is null)
        {
            return problem!;
        }

        return await review.SubmitAsync(app.Id, ownerId, Note(input.Note), context.RequestAborted) == ReviewOutcome.Done
            ? await GetAsync(clientId, context.User, apps, testers, context.RequestAborted)
            : ApiBody.Conflict("The app waits for its review, or is approved already.");
    }

    private static async Task<IResult> AnswerAsync(AppAnswer answer, TesterLimit testers, CancellationToken cancellationToken) =>
        answer.App is { } app ? ApiBody.Write(await DocumentAsync(app, testers, cancellationToken) with { ClientSecret = answer.Secret })
        : answer.Complaints.Count > 0 ? ApiBody.Refuse(answer.Complaints)
        : ApiBody.NotFound();

    private static async Task<AppDocument> DocumentAsync(App app, TesterLimit testers, CancellationToken cancellationToken) =>
        AppDocument.Of(app, await testers.CountAsync(app.Id, cancellationToken), testers.Limit);
}
