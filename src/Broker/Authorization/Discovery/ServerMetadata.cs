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
    /// <summary>What OpenIddict verifies a client assertion with; RFC 8414 wants it said.</summary>
    private static readonly string[] s_assertionAlgorithms = ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

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

        NameAlgorithms(context, "token_endpoint", context.TokenEndpointAuthenticationMethods);
        NameAlgorithms(context, "revocation_endpoint", context.RevocationEndpointAuthenticationMethods);
        NameAlgorithms(context, "introspection_endpoint", context.IntrospectionEndpointAuthenticationMethods);

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

    private static void NameAlgorithms(HandleConfigurationRequestContext context, string endpoint, HashSet<string> methods)
    {
        if (methods.Contains(ClientAuthenticationMethods.PrivateKeyJwt))
        {
            context.Metadata.TryAdd($"{endpoint}_auth_signing_alg_values_supported", List(s_assertionAlgorithms));
        }
    }

    private static OpenIddictParameter List(IEnumerable<string> values) => new([.. values.Select(value => (string?)value)]);
}
