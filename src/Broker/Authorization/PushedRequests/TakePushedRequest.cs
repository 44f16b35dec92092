using Microsoft.AspNetCore;
using Microsoft.AspNetCore.WebUtilities;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.PushedRequests;

/// <summary>
/// The first visit with an app's request_uri: OpenIddict has found it, bound it to the client_id beside it, put what was
/// pushed in the place of everything else on the address, and validated that. It is taken here, and the browser goes on
/// with the broker's own.
/// </summary>
internal sealed class TakePushedRequest(PendingRequests pending) : IOpenIddictServerHandler<HandleAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(HandleAuthorizationRequestContext context)
    {
        var authentication = context.Transaction.GetProperty<ProcessAuthenticationContext>(typeof(ProcessAuthenticationContext).FullName!);
        if (authentication?.RequestTokenPrincipal is not { } principal
            || !Guid.TryParse(principal.GetTokenId(), out var id)
            || context.Transaction.GetHttpRequest()?.HttpContext is not { } http)
        {
            return;
        }

        if (await pending.TakeAsync(http, id, context.Request) is not { } requestUri)
        {
            context.Reject(OpenIddictConstants.Errors.InvalidRequest, "The 'request_uri' was used before. Push the request again.");
            return;
        }

        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        http.Response.Redirect(QueryHelpers.AddQueryString("/connect/authorize", new Dictionary<string, string?>
        {
            [OpenIddictConstants.Parameters.ClientId] = context.Request.ClientId,
            [OpenIddictConstants.Parameters.RequestUri] = requestUri,
        }));
        context.HandleRequest();
    }
}
