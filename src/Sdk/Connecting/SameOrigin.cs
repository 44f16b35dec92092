using Microsoft.AspNetCore.Http;

namespace TokenBroker.Sdk.Connecting;

/// <summary>
/// Guards the endpoints against forged requests: a POST is taken only from this app's own pages, as the browser says in
/// <c>Sec-Fetch-Site</c>, or in <c>Origin</c> where it does not send that. Neither means refused. It also keeps the
/// answers, which can hold a code in their address, out of caches and referrers.
/// </summary>
internal static class SameOrigin
{
    public static async ValueTask<object?> Guard(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        if (HttpMethods.IsPost(http.Request.Method) && !ComesFromHere(http.Request))
        {
            return Results.Text("This request did not come from a page of this app. Use the button in the app.", statusCode: StatusCodes.Status403Forbidden);
        }

        return await next(context);
    }

    private static bool ComesFromHere(HttpRequest request)
    {
        string? site = request.Headers["Sec-Fetch-Site"];
        if (site is not null)
        {
            return site == "same-origin";
        }

        return string.Equals(request.Headers.Origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
    }
}
