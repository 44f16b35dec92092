using System.Collections.Immutable;
using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using TokenBroker.Grants;
using TokenBroker.Operations;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization;

/// <summary>The claims that a code or token carries: who, under which grant, for which upstream, and until when.</summary>
internal sealed class IssuedIdentity(BrokerDbContext db, IOptions<BrokerOptions> broker)
{
    public static readonly TimeSpan AccessTokenLifetime = TimeSpan.FromMinutes(30);
    public static readonly TimeSpan RefreshTokenLifetime = TimeSpan.FromHours(24);

    /// <param name="grant">The grant that the tokens speak for.</param>
    /// <param name="scopes">What they may do.</param>
    /// <param name="left">What is left of the grant; no token lives longer.</param>
    /// <param name="cancellationToken">Cancels the look-up of the user.</param>
    public async Task<ClaimsPrincipal> MakeAsync(
        Grant grant, ImmutableArray<string> scopes, TimeSpan left, CancellationToken cancellationToken)
    {
        var identity = new ClaimsIdentity(
            OpenIddictServerAspNetCoreDefaults.AuthenticationScheme, Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, grant.UserId.ToString());
        if (scopes.Contains(Scopes.Email) || scopes.Contains(Scopes.Profile))
        {
            var user = await db.Users.AsNoTracking().SingleAsync(u => u.Id == grant.UserId, cancellationToken);
            if (scopes.Contains(Scopes.Profile))
            {
                identity.SetClaim(Claims.PreferredUsername, user.UserName);
            }

            if (scopes.Contains(Scopes.Email))
            {
                identity.SetClaim(Claims.Email, user.Email).SetClaim(Claims.EmailVerified, user.EmailConfirmed);
            }
        }

        // Claims about the person go into the ID token alone: the access token is for the gateway.
        identity.SetDestinations(claim => claim.Type == Claims.Subject
            ? [Destinations.AccessToken, Destinations.IdentityToken]
            : [Destinations.IdentityToken]);

        var principal = new ClaimsPrincipal(identity);
        principal.SetScopes(scopes);
        principal.SetResources(AudienceOf(broker.Value, grant.UpstreamId));
        principal.SetAuthorizationId(grant.Id.ToString());
        principal.SetAccessTokenLifetime(Shorter(AccessTokenLifetime, left));
        principal.SetRefreshTokenLifetime(Shorter(RefreshTokenLifetime, left));
        return principal;
    }

    /// <summary>The audience of access tokens: the address of the upstream behind this broker (RFC 8707).</summary>
    public static string AudienceOf(BrokerOptions broker, string upstreamId) => $"{broker.BaseAddress}/{upstreamId}/v1";

    public static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
