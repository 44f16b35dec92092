using System.Security.Claims;
using System.Text.Json;
using Duende.IdentityModel.OidcClient;
using Duende.IdentityModel.OidcClient.Results;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace TokenBroker.Tests.Authorization.Clients;

/// <summary>The check of ID tokens that <c>OidcClient</c> leaves to its caller, on Microsoft's library and the keys that OidcClient discovered.</summary>
internal sealed class SignedIdentityTokens : IIdentityTokenValidator
{
    public async Task<IdentityTokenValidationResult> ValidateAsync(
        string identityToken, OidcClientOptions options, CancellationToken cancellationToken = default)
    {
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(identityToken, new TokenValidationParameters
        {
            ValidIssuer = options.ProviderInformation.IssuerName,
            ValidAudience = options.ClientId,
            ValidAlgorithms = options.Policy.ValidSignatureAlgorithms,
            IssuerSigningKeys = options.ProviderInformation.KeySet.Keys.Select(key => new JsonWebKey(JsonSerializer.Serialize(key))),
            NameClaimType = "name",
            ClockSkew = options.ClockSkew,
        });
        return result.IsValid
            ? new() { User = new ClaimsPrincipal(result.ClaimsIdentity), SignatureAlgorithm = ((JsonWebToken)result.SecurityToken).Alg }
            : new() { Error = result.Exception is SecurityTokenSignatureKeyNotFoundException ? "invalid_signature" : result.Exception.Message };
    }
}
