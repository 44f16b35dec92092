using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Authorization.MetadataDocuments;
using TokenBroker.Authorization.Registration;
using TokenBroker.Operations;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Discovery;

/// <summary>
/// What the server's metadata (RFC 8414, and the same at OpenID Connect's address) says beyond what OpenIddict finds
/// by itself, and what it would promise without its being so. Nothing is named here that does not work.
/// </summary>
internal sealed class ServerMetadata(
    ProtectedResources resources, IOptions<BrokerOptions> broker, IOptions<DynamicRegistrationOptions> registration, IOptions<MetadataDocumentOptions> documents)
    : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        ArgumentNullException.ThrowIfNull(context);

        // Public clients: the endpoints that they may use without authentication. Introspection is not for them.
        HashSet<string>[] open = [context.TokenEndpointAuthenticationMethods, context.RevocationEndpointAuthenticationMethods,
            context.DeviceAuthorizationEndpointAuthenticationMethods, context.PushedAuthorizationEndpointAuthenticationMethods];
        foreach (var methods in open.Where(methods => methods.Count > 0))
        {
            methods.Add(ClientMetadata.NoAuthentication);
        }

        // Nobody is offered a choice of accounts here.
        context.PromptValues.Remove(PromptValues.SelectAccount);
        context.Claims.UnionWith([Claims.PreferredUsername, Claims.Email, Claims.EmailVerified]);
        context.Metadata["protected_resources"] = List(resources.All);
        if (registration.Value.Enabled)
        {
            context.Metadata["registration_endpoint"] = broker.Value.BaseAddress + RegistrationEndpoint.Path;
        }

        if (documents.Value.Enabled)
        {
            context.Metadata["client_id_metadata_document_supported"] = true;
        }

        return default;
    }

    private static OpenIddictParameter List(IEnumerable<string> values) => new([.. values.Select(value => (string?)value)]);
}
