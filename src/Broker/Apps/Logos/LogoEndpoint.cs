using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using TokenBroker.Accounts;

namespace TokenBroker.Apps.Logos;

/// <summary>Serves a logo so that it can be nothing but a picture: its own type, no guessing, and a policy that lets it load and run nothing.</summary>
internal static class LogoEndpoint
{
    public static void MapLogos(this WebApplication app) => app.MapGet("/apps/{clientId}/logo", ServeAsync).AllowAnonymous();

    private static async Task<Results<NotFound, FileContentHttpResult>> ServeAsync(string clientId, HttpContext context, AppLogos logos)
    {
        var session = context.CurrentSession();
        if (await logos.FindAsync(clientId, session?.UserId, session?.IsOperator ?? false, context.RequestAborted) is not { } logo)
        {
            return TypedResults.NotFound();
        }

        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        // Who may see it can change, so that each use asks; the answer is mostly 304.
        headers[HeaderNames.CacheControl] = "private, no-cache";
        var tag = new EntityTagHeaderValue($"\"{logo.UpdatedAt.Ticks.ToString("x", CultureInfo.InvariantCulture)}\"");
        return TypedResults.File(logo.Bytes, logo.ContentType, entityTag: tag);
    }
}
