using System.Security.Claims;
using System.Text.Json.Nodes;
using OpenIddict.Abstractions;

namespace TokenBroker.Authorization.Dpop;

/// <summary>The claim that binds a token to a key: <c>"cnf":{"jkt":"..."}</c> (RFC 7800; RFC 9449, section 6).</summary>
internal static class Confirmation
{
    public const string Claim = "cnf";
    public const string Member = "jkt";

    public static void BindTo(this ClaimsPrincipal principal, string thumbprint) =>
        principal.SetClaim(Claim, new JsonObject { [Member] = thumbprint });

    /// <summary>The thumbprint of the key that the token is bound to, or null where it is not bound.</summary>
    /// <returns>False where it is bound in a way that nobody here can check: such a token is good for nothing.</returns>
    public static bool TryRead(ClaimsPrincipal principal, out string? thumbprint)
    {
        thumbprint = null;
        if (principal.GetClaim(Claim) is not { Length: > 0 } json)
        {
            return true;
        }

        if (JsonNode.Parse(json) is JsonObject { Count: 1 } confirmation
            && confirmation[Member] is JsonValue value
            && value.TryGetValue<string>(out var found)
            && ProofKey.IsThumbprint(found))
        {
            thumbprint = found;
            return true;
        }

        return false;
    }
}
