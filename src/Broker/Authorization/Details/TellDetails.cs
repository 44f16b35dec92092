using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Details;

/// <summary>
/// Puts what was granted into the token response (RFC 9396, section 7) and into introspection (section 9.2). The former
/// is complete before the response is sealed for a retry. Introspection is bound to OpenIddict's rule that a client
/// sees its own tokens alone; here it follows the grant as well: one that has ended makes its tokens inactive.
/// </summary>
internal sealed class TellDetails(TellGranted granted) :
    IOpenIddictServerHandler<ProcessSignInContext>,
    IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType == OpenIddictServerEndpointType.Token
            && Guid.TryParse(context.Principal?.GetAuthorizationId(), out var grantId)
            && await granted.FindAsync(grantId, context.CancellationToken) is { } access)
        {
            context.Response[ModelAccess.Parameter] = access.ToDetails();
        }
    }

    public async ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        var token = context.GenericTokenPrincipal;
        if (!Guid.TryParse(token?.GetAuthorizationId(), out var grantId)
            || await granted.FindAsync(grantId, context.CancellationToken) is not { HasEnded: false } access)
        {
            // It becomes {"active": false}, as for any token that says nothing any more (RFC 7662, section 2.2).
            context.Reject(Errors.InvalidToken, "The grant has ended.");
            return;
        }

        context.Scopes.Clear();
        context.Scopes.UnionWith(token!.GetScopes().Intersect(access.Scopes));
        context.Claims[ModelAccess.Parameter] = access.ToDetails();

        // The token is good, and calls are refused until the user resumes: an app should wait, and not ask anew.
        context.Claims["grant_status"] = access.IsPaused ? "paused" : "active";
    }
}
