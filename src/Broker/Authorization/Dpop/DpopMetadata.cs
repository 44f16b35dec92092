using OpenIddict.Abstractions;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Dpop;

/// <summary>What clients and resource servers are told of DPoP: RFC 9449, sections 5.1 and 6.2.</summary>
internal static class DpopMetadata
{
    public const string TokenType = "DPoP";

    public static ValueTask Announce(HandleConfigurationRequestContext context)
    {
        context.Metadata["dpop_signing_alg_values_supported"] = new OpenIddictParameter([.. ProofKey.Algorithms]);
        return default;
    }

    /// <summary>OpenIddict returns the confirmation by itself, but knows no token type for it.</summary>
    public static ValueTask DescribeToken(HandleIntrospectionRequestContext context)
    {
        if (context.Confirmation?.ContainsKey(Confirmation.Member) == true)
        {
            context.TokenType = TokenType;
        }

        return default;
    }
}
