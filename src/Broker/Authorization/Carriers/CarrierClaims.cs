using System.Security.Claims;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Custody;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Carriers;

/// <summary>
/// Where a carrier stands: in a private claim of access and refresh tokens, each its own. Private claims leave the broker in
/// no answer, neither in an ID token nor at introspection, and the payload of these tokens is stored nowhere. A code's is,
/// so a code has none and is its own carrier.
/// </summary>
internal static class CarrierClaims
{
    private const string InToken = "oi_tb_carrier";
    private const string ForAccess = "oi_tb_carrier_access";
    private const string ForNext = "oi_tb_carrier_next";

    /// <summary>Notes on what is to be signed in what its tokens shall carry.</summary>
    public static void Attach(ClaimsPrincipal principal, Carried carried) =>
        principal.SetClaim(ForAccess, carried.Access?.ForToken()).SetClaim(ForNext, carried.Next?.ForToken());

    /// <summary>What a validated code or token carries.</summary>
    public static Carrier? Read(ClaimsPrincipal principal) => Carrier.Read(principal.GetClaim(InToken));

    public static void AddCarriers(this IServiceCollection services)
    {
        services.AddScoped<IssueCarriers>();
        services.AddScoped<GiveToCode>();
    }

    public static void UseCarriers(this OpenIddictServerBuilder server)
    {
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseInlineHandler(Distribute)
            .SetOrder(OpenIddictServerHandlers.PrepareUserCodePrincipal.Descriptor.Order + 500));
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseScopedHandler<GiveToCode>()
            .SetOrder(OpenIddictServerHandlers.GenerateAuthorizationCode.Descriptor.Order + 500));
    }

    /// <summary>OpenIddict hands private claims on from the presented token: each is set here for every token, or taken out.</summary>
    private static ValueTask Distribute(ProcessSignInContext context)
    {
        var (access, next) = (context.Principal?.GetClaim(ForAccess), context.Principal?.GetClaim(ForNext));
        Set(context.AccessTokenPrincipal, access);
        Set(context.IssuedTokenPrincipal, access);
        Set(context.RefreshTokenPrincipal, next);

        // The others are written to the database, or read by the app.
        Set(context.AuthorizationCodePrincipal, null);
        Set(context.DeviceCodePrincipal, null);
        Set(context.RequestTokenPrincipal, null);
        Set(context.UserCodePrincipal, null);
        Set(context.IdentityTokenPrincipal, null);
        return default;
    }

    private sealed class GiveToCode(IssueCarriers carriers) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public async ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.AuthorizationCode is { } code && Guid.TryParse(context.AuthorizationCodePrincipal?.GetTokenId(), out var codeId))
            {
                await carriers.GiveToCodeAsync(codeId, code, context.CancellationToken);
            }
        }
    }

    private static void Set(ClaimsPrincipal? principal, string? carrier) =>
        principal?.SetClaim(InToken, carrier).SetClaim(ForAccess, (string?)null).SetClaim(ForNext, (string?)null);
}
