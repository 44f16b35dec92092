using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers.Authentication;

namespace TokenBroker.Authorization.PushedRequests;

/// <summary>Pushed authorization requests (RFC 9126) at <c>connect/par</c>: for every app, and for some the only way.</summary>
internal static class PushedRequestsSetup
{
    public static void AddPushedRequests(this IServiceCollection services)
    {
        services.AddOptions<PushedRequestsOptions>().BindConfiguration("PushedRequests").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<OpenIddictServerOptions>().Configure<Microsoft.Extensions.Options.IOptions<PushedRequestsOptions>>(
            static (server, pushed) => server.RequestTokenLifetime = pushed.Value.Lifetime);
        services.AddScoped<PendingRequests>();
    }

    public static void UsePushedRequests(this OpenIddictServerBuilder server)
    {
        server.SetPushedAuthorizationEndpointUris("connect/par");

        // OpenIddict's own check knows its own kind of request_uri alone.
        server.RemoveEventHandler(ValidateRequestUriParameter.Descriptor);
        server.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler
            .UseInlineHandler(RefuseForeignRequestUri)
            .SetOrder(ValidateRequestUriParameter.Descriptor.Order));

        // After the form of the consent page was taken out: what was pushed replaces all that is left.
        server.AddEventHandler<ExtractAuthorizationRequestContext>(handler => handler
            .UseScopedHandler<ContinuePushedRequest>()
            .SetOrder(int.MaxValue - 50_000));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler
            .UseInlineHandler(ContinuePushedRequest.MarkAsPushed)
            .SetOrder(ValidateAuthentication.Descriptor.Order + 100));
        server.AddEventHandler<HandleAuthorizationRequestContext>(handler => handler.UseScopedHandler<TakePushedRequest>().SetOrder(0));
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseScopedHandler<AnswerPushedRequest>()
            .SetOrder(OpenIddictServerHandlers.RedeemTokenEntry.Descriptor.Order));
    }

    private static ValueTask RefuseForeignRequestUri(ValidateAuthorizationRequestContext context)
    {
        if (context.Request.RequestUri is { Length: > 0 } uri
            && !PendingRequests.IsOurs(uri)
            && !uri.StartsWith(OpenIddictConstants.RequestUris.Prefixes.Generic, StringComparison.Ordinal))
        {
            context.Reject(
                OpenIddictConstants.Errors.RequestUriNotSupported,
                "The 'request_uri' was not given by this broker. Push the request to its PAR endpoint.");
        }

        return default;
    }
}
