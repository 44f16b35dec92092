using OpenIddict.Abstractions;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.ClientAssertions;

/// <summary>What client assertions may be signed with, in discovery (RFC 8414, section 2).</summary>
internal static class ClientAssertionMetadata
{
    public static ValueTask Announce(HandleConfigurationRequestContext context)
    {
        var algorithms = new OpenIddictParameter([.. ClientAssertion.Algorithms]);
        if (context.TokenEndpoint is not null)
        {
            context.Metadata["token_endpoint_auth_signing_alg_values_supported"] = algorithms;
        }

        if (context.RevocationEndpoint is not null)
        {
            context.Metadata["revocation_endpoint_auth_signing_alg_values_supported"] = algorithms;
        }

        if (context.IntrospectionEndpoint is not null)
        {
            context.Metadata["introspection_endpoint_auth_signing_alg_values_supported"] = algorithms;
        }

        return default;
    }
}
