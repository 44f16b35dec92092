using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Exchange;

/// <summary>Token exchange (RFC 8693) of an access token for a smaller one; no other kind of token goes in or comes out.</summary>
internal static class ExchangeSetup
{
    public static void AddExchange(this IServiceCollection services)
    {
        services.AddScoped<ExchangeToken>();
        services.AddScoped<Grants.CutGrant>();
    }

    public static void UseExchange(this OpenIddictServerBuilder server)
    {
        server.AllowTokenExchangeFlow();
        server.Configure(static options =>
        {
            options.SubjectTokenTypes.Clear();
            options.SubjectTokenTypes.Add(TokenTypeIdentifiers.AccessToken);
            options.RequestedTokenTypes.Clear();
            options.RequestedTokenTypes.Add(TokenTypeIdentifiers.AccessToken);
            options.ActorTokenTypes.Clear();
        });
        server.AddEventHandler<ApplyTokenResponseContext>(handler => handler
            .UseInlineHandler(NameTheError)
            .SetOrder(OpenIddictServerHandlers.Exchange.NormalizeErrorResponse.Descriptor.Order + 500));
    }

    /// <summary>A subject token that does not hold is an invalid request, and no invalid grant (RFC 8693, section 2.2.2).</summary>
    private static ValueTask NameTheError(ApplyTokenResponseContext context)
    {
        if (context.Request?.IsTokenExchangeGrantType() == true && context.Response.Error == Errors.InvalidGrant)
        {
            context.Response.Error = Errors.InvalidRequest;
        }

        return default;
    }
}
