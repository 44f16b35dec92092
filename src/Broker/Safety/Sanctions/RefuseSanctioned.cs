using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Safety;

/// <summary>
/// What the OAuth endpoints say while a sanction is in force. A suspended app is <c>unauthorized_client</c> (RFC 6749,
/// sections 4.1.2.1 and 5.2): it is known, and may not do this. For a suspended person it is <c>access_denied</c>, and not
/// <c>invalid_grant</c>, which would have apps throw away a refresh token that works again later. Nothing is used up.
/// </summary>
internal sealed class RefuseSanctioned(BrokerDbContext db, TimeProvider time) :
    IOpenIddictServerHandler<HandleAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    private const string AppWords = "The app is suspended here. Its owner can see why.";

    /// <summary>After every other check, so that a stranger learns nothing.</summary>
    private const int Last = int.MaxValue - 50_000;

    public static void Use(OpenIddictServerBuilder server)
    {
        // A request that fails its validation is not redirected; this one is valid, and the app is to be told.
        server.AddEventHandler<HandleAuthorizationRequestContext>(handler => handler.UseScopedHandler<RefuseSanctioned>().SetOrder(int.MinValue + 50_000));
        server.AddEventHandler<ValidatePushedAuthorizationRequestContext>(handler => handler.UseScopedHandler<RefuseSanctioned>().SetOrder(Last));
        server.AddEventHandler<ValidateDeviceAuthorizationRequestContext>(handler => handler.UseScopedHandler<RefuseSanctioned>().SetOrder(Last));
        server.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseScopedHandler<RefuseSanctioned>().SetOrder(Last));
    }

    public ValueTask HandleAsync(HandleAuthorizationRequestContext context) => CheckAppAsync(context, context.Request.ClientId);

    public ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context) => CheckAppAsync(context, context.ClientId);

    public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context) => CheckAppAsync(context, context.ClientId);

    /// <summary>App and person are asked for at once: this is on the way of every refresh.</summary>
    public async ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var clientId = context.ClientId;
        Guid? userId = Guid.TryParse(PresentedBy(context)?.GetClaim(Claims.Subject), out var subject) ? subject : null;
        var met = await db.Sanctions.Where(Sanction.InForceAt(time.GetUtcNow().UtcDateTime))
            .Where(s => db.Apps.Any(a => a.Id == s.AppId && a.ClientId == clientId) || (userId != null && s.UserId == userId))
            .Select(s => s.AppId)
            .ToListAsync(context.CancellationToken);
        if (met.Exists(appId => appId is not null))
        {
            context.Reject(Errors.UnauthorizedClient, AppWords);
        }
        else if (met.Count > 0)
        {
            context.Reject(Errors.AccessDenied, "The user's account is suspended. Once it is not, the same token works again.");
        }
    }

    private static ClaimsPrincipal? PresentedBy(ValidateTokenRequestContext context) =>
        context.AuthorizationCodePrincipal ?? context.RefreshTokenPrincipal ?? context.DeviceCodePrincipal ?? context.SubjectTokenPrincipal;

    private async ValueTask CheckAppAsync(BaseValidatingContext context, string? clientId)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (clientId is not null
            && await db.Sanctions.Where(Sanction.InForceAt(now)).AnyAsync(s => db.Apps.Any(a => a.Id == s.AppId && a.ClientId == clientId), context.CancellationToken))
        {
            context.Reject(Errors.UnauthorizedClient, AppWords);
        }
    }
}
