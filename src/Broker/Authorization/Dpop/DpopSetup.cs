using Microsoft.AspNetCore.DataProtection;
using OpenIddict.Server;
using OpenIddict.Validation;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace TokenBroker.Authorization.Dpop;

/// <summary>Where DPoP (RFC 9449) joins OpenIddict, which knows none of it.</summary>
internal static class DpopSetup
{
    /// <summary>The authorization request's parameter, and the claim of the code that carries it (section 10).</summary>
    public const string KeyParameter = "dpop_jkt";

    public static void AddDpop(this WebApplicationBuilder builder)
    {
        // The gateway makes a check of its own, with nonces of its own: a nonce of one is foreign to the other.
        builder.Services.AddSingleton(services => new ProofCheck(
            new DpopNonces(
                services.GetRequiredService<IDataProtectionProvider>().CreateProtector("TokenBroker.Dpop.AuthorizationServer"),
                services.GetRequiredService<TimeProvider>()),
            services.GetRequiredService<TimeProvider>()));
        builder.Services.AddScoped<UsedProofs>();
        builder.Services.AddScoped<RequestProof>();
    }

    public static void UseDpop(this OpenIddictServerBuilder server)
    {
        // The proof is read before the tokens, so that these can be held against its key, and used up after all else.
        server.AddEventHandler<ValidateTokenRequestContext>(handler => handler
            .UseScopedHandler<DpopAtTheTokenEndpoint.Read>()
            .SetOrder(OpenIddictServerHandlers.Exchange.ValidateAuthentication.Descriptor.Order - 500));
        server.AddEventHandler<ValidateTokenRequestContext>(handler => handler
            .UseScopedHandler<DpopAtTheTokenEndpoint.Require>()
            .SetOrder(OpenIddictServerHandlers.Exchange.ValidateGrantedScopes.Descriptor.Order + 500));
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseScopedHandler<DpopAtTheTokenEndpoint.Bind>()
            .SetOrder(PrepareRefreshTokenPrincipal.Descriptor.Order + 500));
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseScopedHandler<DpopAtTheTokenEndpoint.NameTheType>()
            .SetOrder(AttachSignInParameters.Descriptor.Order + 500));

        server.AddEventHandler<ValidatePushedAuthorizationRequestContext>(handler => handler
            .UseScopedHandler<DpopAtAuthorization.ReadPushed>()
            .SetOrder(Authentication.ValidatePushedAuthentication.Descriptor.Order - 500));
        server.AddEventHandler<ValidatePushedAuthorizationRequestContext>(handler => handler
            .UseScopedHandler<DpopAtAuthorization.UsePushed>()
            .SetOrder(Authentication.ValidatePushedAuthorizedParty.Descriptor.Order + 500));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler
            .UseInlineHandler(DpopAtAuthorization.CheckParameter)
            .SetOrder(Authentication.ValidateClientIdParameter.Descriptor.Order + 500_000));
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseInlineHandler(DpopAtAuthorization.CarryInTheCode)
            .SetOrder(PrepareAuthorizationCodePrincipal.Descriptor.Order + 500));

        // OpenIddict's own check throws at every confirmation that is not a certificate's.
        server.RemoveEventHandler(Protection.ValidateProofOfPossession.Descriptor);
        server.AddEventHandler<OpenIddictServerEvents.ValidateTokenContext>(handler => handler
            .AddFilter<OpenIddictServerHandlerFilters.RequireTokenProofOfPossessionValidationEnabled>()
            .UseScopedHandler<DpopPossession.AtTheServer>()
            .SetOrder(Protection.ValidateProofOfPossession.Descriptor.Order));

        server.AddEventHandler<HandleConfigurationRequestContext>(handler => handler
            .UseInlineHandler(DpopMetadata.Announce)
            .SetOrder(OpenIddictServerHandlers.Discovery.AttachAdditionalMetadata.Descriptor.Order + 500));
        server.AddEventHandler<HandleIntrospectionRequestContext>(handler => handler
            .UseInlineHandler(DpopMetadata.DescribeToken)
            .SetOrder(Introspection.AttachMetadataClaims.Descriptor.Order + 500));
    }

    public static void UseDpop(this OpenIddictValidationBuilder validation)
    {
        validation.RemoveEventHandler(OpenIddictValidationHandlers.Protection.ValidateProofOfPossession.Descriptor);
        validation.AddEventHandler<OpenIddictValidationEvents.ValidateTokenContext>(handler => handler
            .UseInlineHandler(DpopPossession.AtValidation)
            .SetOrder(OpenIddictValidationHandlers.Protection.ValidateProofOfPossession.Descriptor.Order));
    }
}
