using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Apps;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// DPoP at the token endpoint (RFC 9449, section 5), the same for every grant type: what is issued to a request with a
/// proof is bound to the proof's key. Refresh tokens are bound for public clients alone, as section 5 has it: those of
/// the others are bound to the app's own credentials, and may be used with the app's next key.
/// </summary>
internal static class DpopAtTheTokenEndpoint
{
    public sealed class Read(RequestProof proof) : IOpenIddictServerHandler<ValidateTokenRequestContext>
    {
        public ValueTask HandleAsync(ValidateTokenRequestContext context)
        {
            if (proof.Read(context.Transaction.GetHttpRequest()!) is { } fault)
            {
                context.Reject(fault.Error, fault.Message);
            }

            return default;
        }
    }

    public sealed class Require(RequestProof proof, IOpenIddictApplicationManager apps) : IOpenIddictServerHandler<ValidateTokenRequestContext>
    {
        public async ValueTask HandleAsync(ValidateTokenRequestContext context)
        {
            var app = await apps.FindByClientIdAsync(context.ClientId!, context.CancellationToken) as App;
            var promised = context.AuthorizationCodePrincipal?.GetClaim(DpopSetup.KeyParameter);
            if (proof.Thumbprint is null && (app is not { DpopBoundAccessTokens: false } || promised is not null))
            {
                proof.GiveNonce(context.Transaction.GetHttpRequest()!.HttpContext.Response);
                context.Reject(ProofFault.Missing.Error, ProofFault.Missing.Message);
                return;
            }

            if (promised is not null && !string.Equals(promised, proof.Thumbprint, StringComparison.Ordinal))
            {
                context.Reject(Errors.InvalidGrant, "The authorization request named another DPoP key (dpop_jkt).");
                return;
            }

            if (await proof.UseAsync(context.CancellationToken) is { } replay)
            {
                context.Reject(replay.Error, replay.Message);
            }
        }
    }

    /// <summary>Runs after the principals are made, since OpenIddict takes a confirmation out as it makes them.</summary>
    public sealed class Bind(RequestProof proof, IOpenIddictApplicationManager apps) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public async ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.EndpointType != OpenIddictServerEndpointType.Token || proof.Thumbprint is not { } key)
            {
                return;
            }

            context.AccessTokenPrincipal?.BindTo(key);
            if (context.IssuedTokenType == TokenTypeIdentifiers.AccessToken)
            {
                context.IssuedTokenPrincipal?.BindTo(key);
            }

            var refresh = context.IssuedTokenType == TokenTypeIdentifiers.RefreshToken ? context.IssuedTokenPrincipal : context.RefreshTokenPrincipal;
            if (refresh is not null && await IsPublicAsync(context))
            {
                refresh.BindTo(key);
            }
        }

        private async Task<bool> IsPublicAsync(ProcessSignInContext context) =>
            await apps.FindByClientIdAsync(context.ClientId!, context.CancellationToken) is not { } app
            || await apps.HasClientTypeAsync(app, ClientTypes.Public, context.CancellationToken);
    }

    public sealed class NameTheType(RequestProof proof) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.EndpointType == OpenIddictServerEndpointType.Token
                && proof.Thumbprint is not null
                && context.Response.TokenType == TokenTypes.Bearer)
            {
                context.Response.TokenType = DpopMetadata.TokenType;
            }

            return default;
        }
    }
}
