using Microsoft.AspNetCore;
using OpenIddict.Server;
using OpenIddict.Validation;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// A bound token without its key is no token. This stands where OpenIddict checks possession, before it looks whether
/// the token was redeemed: so a thief without the key can neither use a refresh token nor end the grant with it.
/// </summary>
internal static class DpopPossession
{
    private const string NotProven = "The token is bound to a key (RFC 9449), and the request does not prove that one.";

    public sealed class AtTheServer(RequestProof proof) : IOpenIddictServerHandler<OpenIddictServerEvents.ValidateTokenContext>
    {
        public ValueTask HandleAsync(OpenIddictServerEvents.ValidateTokenContext context)
        {
            if (!Confirmation.TryRead(context.Principal!, out var key)
                || (key is not null && !string.Equals(key, proof.Thumbprint, StringComparison.Ordinal)))
            {
                context.Reject(Errors.InvalidToken, NotProven);
            }

            return default;
        }
    }

    /// <summary>
    /// The gateway validates the token by itself, outside of a request, and then checks the proof. Wherever else an
    /// access token should be taken, a bound one is refused until that place checks proofs as well.
    /// </summary>
    public static ValueTask AtValidation(OpenIddictValidationEvents.ValidateTokenContext context)
    {
        if (!Confirmation.TryRead(context.Principal!, out var key)
            || (key is not null && context.Transaction.GetHttpRequest() is not null))
        {
            context.Reject(Errors.InvalidToken, NotProven);
        }

        return default;
    }
}
