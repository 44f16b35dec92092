using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;
using TokenBroker.Grants;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization;

/// <summary>
/// Closes what OpenIddict leaves open when a token dies. Revoking a refresh token ends the whole grant, or else its
/// access tokens and its redeemed predecessor would live on; a replayed code or refresh token ends the grant, not
/// only the tokens of the moment; and the gateway hears of all of it at once.
/// </summary>
internal sealed class TokenManager(
    IOpenIddictTokenCache<Token> cache,
    ILogger<OpenIddictTokenManager<Token>> logger,
    IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictTokenStore<Token> store,
    EndGrant endGrant,
    GrantChanges changes)
    : OpenIddictTokenManager<Token>(cache, logger, options, store)
{
    /// <summary>More than any id by which a code is looked up. What is longer is a token that says all by itself.</summary>
    private const int LongestReference = 128;
    private Token? _redeemed;

    public override async ValueTask<Token?> FindByReferenceIdAsync(string identifier, CancellationToken cancellationToken = default) =>
        identifier.Length > LongestReference ? null : await base.FindByReferenceIdAsync(identifier, cancellationToken);

    /// <summary>OpenIddict asks this of a presented token right before it revokes by authorization, which is told the grant alone.</summary>
    public override async ValueTask<bool> HasStatusAsync(Token token, string status, CancellationToken cancellationToken = default)
    {
        var has = await base.HasStatusAsync(token, status, cancellationToken);
        _redeemed = has && status == Statuses.Redeemed ? token : null;
        return has;
    }

    /// <summary>Called by OpenIddict where a redeemed code or refresh token comes back: one of the two holders stole it.</summary>
    public override async ValueTask<long> RevokeByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken = default)
    {
        var grantId = Guid.Parse(identifier);
        var reason = _redeemed is { } token && token.AuthorizationId == grantId
            ? token.Type switch
            {
                TokenTypeIdentifiers.RefreshToken => "refresh_token_reuse",
                TokenTypeIdentifiers.Private.AuthorizationCode or TokenTypeIdentifiers.Private.DeviceCode => "code_replay",
                _ => "token_replay",
            }
            : "token_replay";
        return await endGrant.RunAsync(grantId, reason, "system", cancellationToken) ?? 0;
    }

    public override async ValueTask<bool> TryRevokeAsync(Token token, CancellationToken cancellationToken = default)
    {
        if (token.AuthorizationId is not { } grantId)
        {
            return await base.TryRevokeAsync(token, cancellationToken);
        }

        if (token.Type == TokenTypeIdentifiers.AccessToken)
        {
            // A grant that was cut for this one token has nothing else to live for, and keeps a place among its siblings.
            if (await endGrant.WasCutAsync(grantId, cancellationToken))
            {
                await endGrant.RunAsync(grantId, "app", $"app:{token.ApplicationId}", cancellationToken);
                return true;
            }

            var revoked = await base.TryRevokeAsync(token, cancellationToken);
            changes.Publish(new GrantChange(grantId, CutReason.Revoked));
            return revoked;
        }

        await endGrant.RunAsync(grantId, "app", $"app:{token.ApplicationId}", cancellationToken);
        return true;
    }
}
