using System.Collections.Immutable;
using System.Globalization;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using TokenBroker.Authorization.Carriers;
using TokenBroker.Authorization.Exchange;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization;

/// <summary>
/// The token endpoint (RFC 6749, section 3.2) for codes, device codes, refresh tokens and exchanges. OpenIddict has
/// authenticated the client and validated the code or token before this runs; here the grant is checked, the token is
/// redeemed once, and the new tokens are bound to what the grant allows now: scopes only ever shrink, and no token
/// outlives the grant. A refresh that asks for fewer scopes narrows its access token alone, which OpenIddict sees to
/// (RFC 6749, section 6).
/// </summary>
internal sealed class TokenEndpoint(
    BrokerDbContext db, Redemption redemption, IssuedIdentity identity, IssueCarriers carriers, ExchangeToken exchange, TimeProvider time)
{
    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public async Task<IResult> HandleAsync(HttpContext context)
    {
        try
        {
            return await AnswerAsync(context);
        }
        catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException)
        {
            // Only where a key that is never stored has to be handed on. Nothing was used up.
            var wait = (exception as VaultUnavailableException)?.RetryAfter ?? TimeSpan.FromSeconds(5);
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            return TypedResults.Json(
                new Dictionary<string, string> { ["error"] = Errors.TemporarilyUnavailable, ["error_description"] = "The broker's vault does not answer right now. Nothing was used up; send the same request again." },
                statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    private async Task<IResult> AnswerAsync(HttpContext context)
    {
        var cancellationToken = context.RequestAborted;
        var request = context.GetOpenIddictServerRequest()
            ?? throw new InvalidOperationException("The token endpoint was reached without an OpenID Connect request.");
        var presented = (await context.AuthenticateAsync(Scheme)).Principal;
        if (presented is not null && request.IsTokenExchangeGrantType())
        {
            // An access token is not used up by an exchange.
            var (exchanged, refusal) = await exchange.RunAsync(request, presented, cancellationToken);
            return exchanged is null ? Refuse(refusal!.Error, refusal.Description) : TypedResults.SignIn(exchanged, properties: null, Scheme);
        }

        if (presented is null
            || !Guid.TryParse(presented.GetTokenId(), out var tokenId)
            || !Guid.TryParse(presented.GetAuthorizationId(), out var grantId))
        {
            return Refuse("The code or token does not belong to a grant. Start a new authorization.");
        }

        // Read with the token a moment ago: this asks nobody. A grant that ends meanwhile takes the token with it, so that redeeming it fails.
        var grant = await db.Grants.FindAsync([grantId], cancellationToken) is { Status: Statuses.Valid } valid ? valid : null;
        var left = grant is null ? TimeSpan.Zero : grant.ExpiresAt - time.GetUtcNow().UtcDateTime;
        if (grant is null || left <= TimeSpan.Zero)
        {
            return Refuse("The grant has ended. Send the user through the authorization endpoint again.");
        }

        var scopes = presented.GetScopes().Intersect(grant.ScopeList()).ToImmutableArray();
        var carried = grant.CarriesKey ? await carriers.RenewAsync(request, presented, grant, scopes, left, cancellationToken) : null;
        if (!await redemption.TryBeginAsync(tokenId, grantId, cancellationToken))
        {
            return await AnswerReplayAsync(context, request, tokenId, grantId);
        }

        var principal = await identity.MakeAsync(grant, scopes, left, cancellationToken);
        if (grant.CarriesKey)
        {
            if (carried is null)
            {
                return Refuse("The user's key was never stored, and this no longer carries it. Send the user through the authorization endpoint again.");
            }

            redemption.Alongside(token => carriers.SaveAsync(carried, token));
            CarrierClaims.Attach(principal, carried);
        }

        return TypedResults.SignIn(principal, properties: null, Scheme);
    }

    private async Task<IResult> AnswerReplayAsync(HttpContext context, OpenIddictRequest request, Guid tokenId, Guid grantId)
    {
        var (successor, refusal) = await redemption.AnswerReplayAsync(request, tokenId, grantId, context.RequestAborted);
        if (successor is null)
        {
            return Refuse(refusal!);
        }

        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Pragma = "no-cache";
        return TypedResults.Bytes(successor, "application/json;charset=UTF-8");
    }

    private static Microsoft.AspNetCore.Http.HttpResults.ForbidHttpResult Refuse(string description) => Refuse(Errors.InvalidGrant, description);

    private static Microsoft.AspNetCore.Http.HttpResults.ForbidHttpResult Refuse(string error, string description) => TypedResults.Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        [Scheme]);
}
