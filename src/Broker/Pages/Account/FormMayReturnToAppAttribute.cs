using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using OpenIddict.Abstractions;
using TokenBroker.Authorization.PushedRequests;

namespace TokenBroker.Pages.Account;

/// <summary>
/// On a page whose form may end at an app: sign-in posts, goes on to the authorization endpoint, and that may go on
/// to the app without asking again. Chromium holds that last step to this page's <c>form-action</c> too, so the
/// app's origin is added, but only where the redirect URI is one that the app has registered.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class FormMayReturnToAppAttribute : Attribute, IAsyncResultFilter
{
    private const string AuthorizationEndpoint = "/connect/authorize?";

    public async Task OnResultExecutionAsync(ResultExecutingContext context, ResultExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        var returnUrl = context.HttpContext.Request.Query["returnUrl"].ToString();
        if (context.Result is PageResult && returnUrl.StartsWith(AuthorizationEndpoint, StringComparison.Ordinal))
        {
            await AllowAsync(context.HttpContext, QueryHelpers.ParseQuery(returnUrl[AuthorizationEndpoint.Length..]));
        }

        await next();
    }

    private static async Task AllowAsync(
        HttpContext context, Dictionary<string, StringValues> request)
    {
        var clientId = request.GetValueOrDefault("client_id").ToString();
        var redirectUri = request.GetValueOrDefault("redirect_uri").ToString();
        if (request.GetValueOrDefault("request_uri").ToString() is { Length: > 0 } requestUri)
        {
            var pushed = await context.RequestServices.GetRequiredService<PendingRequests>().FindAsync(context, requestUri);
            redirectUri = pushed?.RedirectUri ?? "";
        }

        if (clientId.Length == 0 || !Uri.TryCreate(redirectUri, UriKind.Absolute, out var uri))
        {
            return;
        }

        var apps = context.RequestServices.GetRequiredService<IOpenIddictApplicationManager>();
        if (await apps.FindByClientIdAsync(clientId, context.RequestAborted) is { } app
            && await apps.ValidateRedirectUriAsync(app, redirectUri, context.RequestAborted))
        {
            context.AllowFormRedirectTo(uri);
        }
    }
}
