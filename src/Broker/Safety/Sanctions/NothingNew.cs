using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>
/// A suspended person can sign in, see why, end what is theirs, and object. They make nothing new: no key, app or token,
/// and no wider grant. (Consent is refused where it is asked for.)
/// </summary>
internal static class NothingNew
{
    public static void UseNothingNew(this IApplicationBuilder app) => app.Use(static async (context, next) =>
    {
        if (!Makes(context.Request) || (context.CurrentSession()?.UserId ?? context.User.UserId()) is not { } userId || !await IsSuspendedAsync(context, userId))
        {
            await next(context);
            return;
        }

        if (context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            await TypedResults.Problem("Your account is suspended: nothing new can be made.", statusCode: StatusCodes.Status403Forbidden).ExecuteAsync(context);
        }
        else
        {
            context.Response.Redirect("/safety");
        }
    });

    private static bool Makes(HttpRequest request)
    {
        var path = (request.Path.Value ?? "").TrimEnd('/').ToLowerInvariant();
        if (path == "/api/v1/apps" || path.StartsWith("/api/v1/apps/", StringComparison.Ordinal))
        {
            return HttpMethods.IsPost(request.Method) || HttpMethods.IsPut(request.Method);
        }

        return HttpMethods.IsPost(request.Method)
            && (path == "/keys"
                || (path.StartsWith("/keys/", StringComparison.Ordinal) && path.EndsWith("/replace", StringComparison.Ordinal))
                || path.StartsWith("/apps/", StringComparison.Ordinal)
                || (path.StartsWith("/developer", StringComparison.Ordinal) && !path.EndsWith("/delete", StringComparison.Ordinal) && !path.EndsWith("/credit", StringComparison.Ordinal))
                || (path == "/account/tokens" && !string.Equals(request.Query["handler"], "Revoke", StringComparison.OrdinalIgnoreCase)));
    }

    private static Task<bool> IsSuspendedAsync(HttpContext context, Guid userId) => Sanction
        .OfUser(context.RequestServices.GetRequiredService<BrokerDbContext>(), userId, context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime)
        .AnyAsync(context.RequestAborted);
}
