using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace TokenBroker.Authorization.ClientAssertions;

/// <summary>
/// <c>private_key_jwt</c> (RFC 7523; OpenID Connect Core, section 9). OpenIddict finds the app's keys and checks the
/// signature; what it lacks or does more loosely stands here: which algorithms, which type, the claims, and once only.
/// </summary>
internal static class ClientAssertionsSetup
{
    public static void UseClientAssertions(this OpenIddictServerBuilder server)
    {
        server.AddEventHandler<ProcessAuthenticationContext>(handler => handler
            .AddFilter<OpenIddictServerHandlerFilters.RequireClientAssertionValidated>()
            .UseScopedHandler<CheckClientAssertion>()
            .SetOrder(ValidateClientAssertion.Descriptor.Order - 500));
        server.AddEventHandler<ValidateTokenContext>(handler => handler
            .UseInlineHandler(Narrow)
            .SetOrder(Protection.ResolveTokenValidationParameters.Descriptor.Order + 500));
        server.AddEventHandler<ProcessAuthenticationContext>(handler => handler
            .AddFilter<OpenIddictServerHandlerFilters.RequireClientAssertionPrincipal>()
            .UseScopedHandler<UseClientAssertionOnce>()
            .SetOrder(ValidateClientType.Descriptor.Order + 500));
        server.AddEventHandler<HandleConfigurationRequestContext>(handler => handler
            .UseInlineHandler(ClientAssertionMetadata.Announce)
            .SetOrder(OpenIddictServerHandlers.Discovery.AttachAdditionalMetadata.Descriptor.Order + 500));
    }

    /// <summary>
    /// OpenIddict asks for the type of draft-ietf-oauth-rfc7523bis, which few clients send yet, and takes any algorithm
    /// that fits the key. The type was checked before (<see cref="ClientAssertion"/>): here it is only named.
    /// </summary>
    private static ValueTask Narrow(ValidateTokenContext context)
    {
        if (context.ValidTokenTypes.Count == 1 && context.ValidTokenTypes.Contains(TokenTypeIdentifiers.Private.ClientAssertion))
        {
            var parameters = context.TokenValidationParameters!;
            parameters.ValidAlgorithms = ClientAssertion.Algorithms;
            parameters.TypeValidator = static (type, _, _) => ClientAssertion.IsType(type)
                ? ClientAssertion.ExplicitType
                : throw new SecurityTokenInvalidTypeException("Not the type of a client assertion.") { InvalidType = type };
        }

        return default;
    }
}
