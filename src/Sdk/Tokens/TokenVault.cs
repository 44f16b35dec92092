using System.Security.Cryptography;

using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TokenBroker.Sdk.Tokens;

/// <summary>
/// Seals tokens before they reach the store and opens them after. The connection's id is part of the seal's purpose, so an
/// entry that was copied to another connection does not open. What does not open counts as not connected.
/// </summary>
internal sealed class TokenVault(
    ITokenStore store,
    IDataProtectionProvider protection,
    IOptions<TokenBrokerOptions> options,
    TimeProvider clock,
    ILogger<TokenVault> logger)
{
    public async ValueTask<TokenSet?> ReadAsync(string connectionId, CancellationToken cancellationToken)
    {
        if (await store.GetAsync(connectionId, cancellationToken) is not { } sealedTokens)
        {
            return null;
        }

        try
        {
            return TokenSet.FromBytes(Seal(connectionId).Unprotect(sealedTokens));
        }
        catch (Exception exception) when (exception is CryptographicException or EndOfStreamException or FormatException)
        {
            // The keys were lost or the entry was tampered with. The exception's text may quote the entry: leave it out.
            logger.LogWarning("Stored tokens could not be opened ({Reason}); the user has to connect again. Keep and share the app's Data Protection keys.", exception.GetType().Name);
            return null;
        }
    }

    public ValueTask WriteAsync(string connectionId, TokenSet tokens, CancellationToken cancellationToken)
    {
        var usefulUntil = tokens.RefreshToken is null ? tokens.ExpiresAt : clock.GetUtcNow() + options.Value.ConnectionLifetime;
        return store.SetAsync(connectionId, Seal(connectionId).Protect(tokens.ToBytes()), usefulUntil, cancellationToken);
    }

    public ValueTask RemoveAsync(string connectionId, CancellationToken cancellationToken) =>
        store.RemoveAsync(connectionId, cancellationToken);

    private IDataProtector Seal(string connectionId) =>
        protection.CreateProtector("TokenBroker.Sdk", "tokens.v1", connectionId);
}
