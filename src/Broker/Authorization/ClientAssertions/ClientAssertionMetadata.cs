using OpenIddict.Abstractions;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization;

/// <summary>How apps may authenticate, in discovery (RFC 8414, section 2).</summary>
internal static class ClientAssertionMetadata
{
    private const string None = "none";

    public static ValueTask Announce(HandleConfigurationRequestContext context)
    {
        var algorithms = new OpenIddictParameter([.. ClientAssertion.Algorithms]);
        if (context.TokenEndpoint is not null)
        {
            context.Metadata["token_endpoint_auth_signing_alg_values_supported"] = algorithms;

            // Public clients name themselves and prove nothing.
            context.TokenEndpointAuthenticationMethods.Add(None);
        }

        if (context.RevocationEndpoint is not null)
        {
            context.Metadata["revocation_endpoint_auth_signing_alg_values_supported"] = algorithms;
            context.RevocationEndpointAuthenticationMethods.Add(None);
        }

        if (context.IntrospectionEndpoint is not null)
        {
            context.Metadata["introspection_endpoint_auth_signing_alg_values_supported"] = algorithms;
        }

        return default;
    }
}
