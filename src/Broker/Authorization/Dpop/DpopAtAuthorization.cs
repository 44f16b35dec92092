using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// The binding of a code to a key (RFC 9449, section 10): the authorization request names the key as <c>dpop_jkt</c>, or
/// is pushed with a proof of it, and the code is then worth nothing to whoever cannot prove it.
/// </summary>
internal static class DpopAtAuthorization
{
    private const string BadParameter = "'dpop_jkt' must be the base64url SHA-256 thumbprint of a key (RFC 7638).";

    public static ValueTask CheckParameter(ValidateAuthorizationRequestContext context)
    {
        if (!IsWellFormed(context.Request))
        {
            context.Reject(Errors.InvalidRequest, BadParameter);
        }

        return default;
    }

    public static ValueTask CarryInTheCode(ProcessSignInContext context)
    {
        if (context.EndpointType == OpenIddictServerEndpointType.Authorization
            && context.AuthorizationCodePrincipal is { } code
            && (string?)context.Request![DpopSetup.KeyParameter] is { } key)
        {
            code.SetClaim(DpopSetup.KeyParameter, key);
        }

        return default;
    }

    /// <summary>Given twice, or as anything but a text, it reads as none: that is no way to take the binding off.</summary>
    private static bool IsWellFormed(OpenIddictRequest request) =>
        request[DpopSetup.KeyParameter] is not { } parameter || ProofKey.IsThumbprint((string?)parameter);

    public sealed class ReadPushed(RequestProof proof) : IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>
    {
        public ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context)
        {
            if (!IsWellFormed(context.Request))
            {
                context.Reject(Errors.InvalidRequest, BadParameter);
            }
            else if (proof.Read(context.Transaction.GetHttpRequest()!) is { } fault)
            {
                context.Reject(fault.Error, fault.Message);
            }

            return default;
        }
    }

    public sealed class UsePushed(RequestProof proof) : IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>
    {
        public async ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context)
        {
            if (proof.Thumbprint is not { } key)
            {
                return;
            }

            if (context.Request[DpopSetup.KeyParameter] is { } named && !string.Equals((string?)named, key, StringComparison.Ordinal))
            {
                context.Reject(ProofFault.Key.Error, "'dpop_jkt' names another key than that of the DPoP proof.");
                return;
            }

            if (await proof.UseAsync(context.CancellationToken) is { } replay)
            {
                context.Reject(replay.Error, replay.Message);
                return;
            }

            // What is pushed is kept as it is here, and comes back at the authorization endpoint.
            context.Request[DpopSetup.KeyParameter] = key;
        }
    }
}
