using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OpenIddict.Server;
using TokenBroker.Grants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Details;

/// <summary>Rich authorization requests (RFC 9396) of the one type <c>model_access</c>, and introspection (RFC 7662).</summary>
internal static class DetailsSetup
{
    public static void AddDetails(this IServiceCollection services)
    {
        services.AddOptions<GrantBounds>().BindConfiguration("Gateway").ValidateDataAnnotations().ValidateOnStart();
        services.TryAddSingleton<ModelAccessReader>();
        services.TryAddScoped<TellGranted>();
    }

    public static void UseDetails(this OpenIddictServerBuilder server)
    {
        server.SetIntrospectionEndpointUris("connect/introspect");
        server.AddEventHandler<HandleAuthorizationRequestContext>(handler => handler
            .UseSingletonHandler<ValidateDetails>()
            .SetOrder(int.MinValue + 100_000));
        server.AddEventHandler<ValidatePushedAuthorizationRequestContext>(handler => handler
            .UseSingletonHandler<ValidateDetails>()
            .SetOrder(OpenIddictServerHandlers.Authentication.ValidatePushedAuthorizedParty.Descriptor.Order + 10_000));
        server.AddEventHandler<ValidateDeviceAuthorizationRequestContext>(handler => handler
            .UseSingletonHandler<ValidateDetails>()
            .SetOrder(OpenIddictServerHandlers.Device.ValidateScopePermissions.Descriptor.Order + 10_000));

        // Before the code or token is looked at: nothing is used up.
        server.AddEventHandler<ValidateTokenRequestContext>(handler => handler
            .UseSingletonHandler<ValidateDetails>()
            .SetOrder(OpenIddictServerHandlers.Exchange.ValidateGrantType.Descriptor.Order + 500));

        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseScopedHandler<TellDetails>()
            .SetOrder(OpenIddictServerHandlers.AttachSignInParameters.Descriptor.Order + 10_000));
        server.AddEventHandler<HandleIntrospectionRequestContext>(handler => handler
            .UseScopedHandler<TellDetails>()
            .SetOrder(OpenIddictServerHandlers.Introspection.AttachApplicationClaims.Descriptor.Order + 10_000));
        server.AddEventHandler<HandleConfigurationRequestContext>(handler => handler
            .UseInlineHandler(Announce)
            .SetOrder(int.MaxValue - 100_000));
    }

    private static ValueTask Announce(HandleConfigurationRequestContext context)
    {
        context.Metadata["authorization_details_types_supported"] = new JsonArray(ModelAccess.Type);
        return default;
    }
}
