using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Discovery;

/// <summary>
/// The parameter <c>resource</c> (RFC 8707). It may be left out: the scopes name the upstream. Where it is sent it must
/// be one of ours, and the one that the scopes, or the code or refresh token, are for; so a client that was lured to
/// this server on behalf of another resource is refused before anybody is asked. It changes nothing else: every
/// access token is for one upstream alone.
/// </summary>
internal sealed class ResourceParameter(ProtectedResources resources, Catalogue catalogue) :
    IOpenIddictServerHandler<HandleAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    /// <summary>At the authorization endpoint only once client and redirect URI are known to be good: this error is the client's to hear.</summary>
    public ValueTask HandleAsync(HandleAuthorizationRequestContext context) => CheckScopes(context, context.Request);

    public ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context) => CheckScopes(context, context.Request);

    public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context) => CheckScopes(context, context.Request);

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var principal = context.AuthorizationCodePrincipal ?? context.RefreshTokenPrincipal ?? context.DeviceCodePrincipal;
        var granted = principal?.GetResources() ?? [];
        return Check(context, context.Request, resource => granted.IsEmpty || granted.Contains(resource));
    }

    private ValueTask CheckScopes(BaseValidatingContext context, OpenIddictRequest request)
    {
        // Scopes of no upstream, or of several, are refused in their own right.
        var upstream = catalogue.OfScopes(request.GetScopes());
        return Check(context, request, resource => upstream is null || resource == resources.ResourceOf(upstream.Id));
    }

    private ValueTask Check(BaseValidatingContext context, OpenIddictRequest request, Func<string, bool> matches)
    {
        foreach (var resource in request.GetResources())
        {
            if (resources.Find(resource) is not { } upstream)
            {
                context.Reject(Errors.InvalidTarget, $"The resource is none of this server's. It has: {string.Join(' ', resources.All)}");
            }
            else if (!matches(resources.ResourceOf(upstream.Id)))
            {
                context.Reject(Errors.InvalidTarget, "The resource is not the one that the scopes, or the code or token, are for.");
            }

            if (context.IsRejected)
            {
                break;
            }
        }

        return default;
    }
}
