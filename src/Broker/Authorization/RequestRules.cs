using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization;

/// <summary>
/// What every authorization request must be, beyond what OpenIddict asks of it: it names one redirect URI, and carries
/// nothing of the consent form, where a person's key may stand.
/// </summary>
internal static class RequestRules
{
    private const string MissingRedirectUri = "The mandatory 'redirect_uri' parameter is missing, or given more than once.";

    public static void UseRequestRules(this OpenIddictServerBuilder server)
    {
        server.AddEventHandler<ExtractAuthorizationRequestContext>(handler => handler
            .UseInlineHandler(LeaveOutTheForm)
            .SetOrder(int.MaxValue - 100_000));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler
            .UseInlineHandler(RequireRedirectUri)
            .SetOrder(OpenIddictServerHandlers.Authentication.ValidateAuthentication.Descriptor.Order + 1));
        server.AddEventHandler<ValidatePushedAuthorizationRequestContext>(handler => handler
            .UseInlineHandler(RequirePushedRedirectUri)
            .SetOrder(OpenIddictServerHandlers.Authentication.ValidatePushedClientIdParameter.Descriptor.Order + 1));
    }

    /// <summary>
    /// The consent form is posted to the authorization endpoint, so its fields arrive as parameters of the request, and
    /// OpenIddict logs those at level Information. One of them may be the person's key: it is theirs and the page's alone.
    /// </summary>
    private static ValueTask LeaveOutTheForm(ExtractAuthorizationRequestContext context)
    {
        if (context.Request is { } request)
        {
            // Whatever model binding would take for the form's, in any case and spelling.
            var fields = request.GetParameters().Select(p => p.Key).Where(name => name.StartsWith("Form", StringComparison.OrdinalIgnoreCase));
            foreach (var name in fields.Append("__RequestVerificationToken").ToList())
            {
                request.RemoveParameter(name);
            }
        }

        return default;
    }

    /// <summary>
    /// OpenIddict asks for a redirect URI in OpenID Connect requests alone. Here every request names one, and only one:
    /// the consent page shows it, and a parameter that is given twice reads as none.
    /// </summary>
    private static ValueTask RequireRedirectUri(ValidateAuthorizationRequestContext context)
    {
        if (string.IsNullOrEmpty(context.Request.RedirectUri))
        {
            context.Reject(Errors.InvalidRequest, MissingRedirectUri);
        }

        return default;
    }

    private static ValueTask RequirePushedRedirectUri(ValidatePushedAuthorizationRequestContext context)
    {
        if (string.IsNullOrEmpty(context.Request.RedirectUri))
        {
            context.Reject(Errors.InvalidRequest, MissingRedirectUri);
        }

        return default;
    }
}
