using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Discovery;

internal static class DiscoverySetup
{
    public static void AddDiscovery(this WebApplicationBuilder builder) => builder.Services.AddSingleton<ProtectedResources>();

    public static void DescribeItself(this OpenIddictServerBuilder server)
    {
        server.AddEventHandler<HandleConfigurationRequestContext>(handler => handler
            .UseScopedHandler<ServerMetadata>()
            .SetOrder(int.MaxValue - 1_000));

        // OpenIddict compares with addresses that are fixed before the configuration is read, and tells the client
        // nothing of a malformed one: see ResourceParameter.
        server.DisableResourceValidation().IgnoreResourcePermissions();
        server.RemoveEventHandler(OpenIddictServerHandlers.Authentication.ValidateResourceParameter.Descriptor);
        server.RemoveEventHandler(OpenIddictServerHandlers.Authentication.ValidatePushedResourceParameter.Descriptor);
        server.RemoveEventHandler(OpenIddictServerHandlers.Exchange.ValidateResourceParameter.Descriptor);
        server.AddEventHandler<HandleAuthorizationRequestContext>(handler => handler.UseScopedHandler<ResourceParameter>());
        server.AddEventHandler<ValidatePushedAuthorizationRequestContext>(handler => handler.UseScopedHandler<ResourceParameter>().SetOrder(int.MaxValue - 1_000));
        server.AddEventHandler<ValidateDeviceAuthorizationRequestContext>(handler => handler.UseScopedHandler<ResourceParameter>().SetOrder(int.MaxValue - 1_000));
        server.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseScopedHandler<ResourceParameter>().SetOrder(int.MaxValue - 1_000));
    }

    public static void MapDiscovery(this WebApplication app) => app.Services.GetRequiredService<ProtectedResources>().Map(app);
}

/// <summary>On an endpoint: where the metadata of the resource behind it is, which a refusal points to (RFC 9728, section 5.1).</summary>
internal sealed record DescribedAt(string MetadataAddress);
