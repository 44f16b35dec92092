using System.Security.Claims;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.PushedRequests;

/// <summary>
/// Every later visit: the broker's own request_uri is replaced by what was pushed, before OpenIddict validates the
/// request. Nothing else of the address or of the form counts (RFC 9101, section 6.3).
/// </summary>
internal sealed class ContinuePushedRequest(PendingRequests pending) : IOpenIddictServerHandler<ExtractAuthorizationRequestContext>
{
    private const string Key = "TokenBroker.ContinuedPushedRequest";

    public async ValueTask HandleAsync(ExtractAuthorizationRequestContext context)
    {
        if (context.Request?.RequestUri is not { } requestUri
            || !PendingRequests.IsOurs(requestUri)
            || context.Transaction.GetHttpRequest()?.HttpContext is not { } http)
        {
            return;
        }

        var request = await pending.FindAsync(http, requestUri);
        if (request is null || !string.Equals(request.ClientId, context.Request.ClientId, StringComparison.Ordinal))
        {
            context.Reject(
                Errors.InvalidRequest,
                "This request was answered before, is more than 30 minutes old, or was begun in another browser. Go back to the app and start again.");
            return;
        }

        context.Request = request;
        context.Transaction.SetProperty(Key, request);
    }

    /// <summary>Lets it count as pushed where the app is required to push, under the mark that OpenIddict puts on its own.</summary>
    public static ValueTask MarkAsPushed(ValidateAuthorizationRequestContext context)
    {
        if (context.Transaction.GetProperty<OpenIddictRequest>(Key) is not null)
        {
            context.RequestTokenPrincipal ??= new ClaimsPrincipal(new ClaimsIdentity())
                .SetClaim(Claims.Private.RequestTokenType, RequestTokenTypes.Private.PushedAuthorizationRequest);
        }

        return default;
    }
}
