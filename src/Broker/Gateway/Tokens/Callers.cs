using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Validation;
using TokenBroker.Authorization;
using TokenBroker.Authorization.Carriers;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Custody;
using TokenBroker.Operations;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>An access token that was validated, and the grant it speaks for.</summary>
/// <param name="Grant">The grant.</param>
/// <param name="Facts">The grant, as it was when the token was validated.</param>
/// <param name="Scopes">What the token and the grant both allow.</param>
/// <param name="TokenExpiresAt">When the token ends.</param>
/// <param name="KeyThumbprint">The key that each call must prove (RFC 9449); null for a bearer token.</param>
/// <param name="Carrier">What the token carries of an upstream key that is never stored; null where it carries none.</param>
internal sealed record Caller(
    LiveGrant Grant, GrantFacts Facts, FrozenSet<string> Scopes, DateTimeOffset TokenExpiresAt, string? KeyThumbprint, Carrier? Carrier)
{
    /// <summary>The upstream key that its calls are made with; null where there is none any more.</summary>
    public KeyUse? Key => Facts.Credit is { } credit
        ? credit.KeyId is { } put ? new KeyUse(put, Grant.Id, null, IsSponsors: true) : null
        : Facts.CarriesKey
        ? Carrier is null ? null : new KeyUse(Carrier.RowId, Grant.Id, Carrier)
        : Facts.UpstreamKeyId is { } keyId ? new KeyUse(keyId, Grant.Id, null) : null;

    /// <summary>What to say where there is none. Nothing falls back to another.</summary>
    public GatewayError NoKey => Facts.Credit is not null ? GatewayError.SponsorKeyWithdrawn : Facts.CarriesKey ? GatewayError.KeyNotCarried : GatewayError.KeyRemoved;
}

/// <summary>
/// Turns an access token into its grant. A token is validated once through OpenIddict and against its own row; after
/// that it is found in memory by its SHA-256 until it expires or its grant changes; on a connection that sends the same
/// one again, by its text, which the server keeps for the connection anyway. A token that is bound to a key names nobody
/// until the call has proven that key: see <see cref="SenderCheck"/>.
/// </summary>
internal sealed class Callers(
    LiveGrants grants, StrangerLimit strangers, SenderCheck senders, IServiceScopeFactory scopes, IOptions<BrokerOptions> broker, TimeProvider time)
{
    private const int MostTokens = 100_000;
    private const int LongestToken = 8_192;
    private const int UsualToken = 1_024;
    private readonly ConcurrentDictionary<TokenHash, Caller> _callers = new();

    /// <summary>Who calls, by the request's Authorization header and, where the token is bound, its DPoP header.</summary>
    /// <returns>The caller, or the refusal; both where the token is good and the call may still not be made.</returns>
    public async ValueTask<(Caller? Caller, GatewayError? Refusal)> FindAsync(HttpContext context, Upstream? upstream = null)
    {
        if (PresentedToken.Of(context.Request, upstream?.TokenHeader) is not { } presented)
        {
            return (null, GatewayError.MissingToken);
        }

        var (caller, refusal) = await FindAsync(context, presented);
        if (caller is null || senders.Check(context, presented, caller) is not { } notTheSender)
        {
            return (caller, refusal);
        }

        // That a nonce is due is no event of anybody's log.
        return (notTheSender == GatewayError.NonceWanted ? null : caller, notTheSender);
    }

    /// <summary>Who calls, as the grant is now; that it is the token's owner was proven before.</summary>
    /// <returns>As <see cref="FindAsync(HttpContext, Upstream)"/>.</returns>
    public ValueTask<(Caller? Caller, GatewayError? Refusal)> FindAgainAsync(HttpContext context, Upstream upstream) =>
        PresentedToken.Of(context.Request, upstream.TokenHeader) is { } presented ? FindAsync(context, presented) : new((null, GatewayError.MissingToken));

    private ValueTask<(Caller? Caller, GatewayError? Refusal)> FindAsync(HttpContext context, PresentedToken presented)
    {
        var token = presented.Span;
        if (token.Length > LongestToken || !Ascii.IsValid(token))
        {
            return new((null, GatewayError.InvalidToken));
        }

        var last = LastCaller.Of(context);
        if (last?.Find(presented) is { Grant.IsStale: false } same)
        {
            return new(Check(same));
        }

        var hash = TokenHash.Of(token);
        if (_callers.TryGetValue(hash, out var caller) && !caller.Grant.IsStale)
        {
            last?.Keep(presented, caller);
            return new(Check(caller));
        }

        return strangers.Check(context) is { } tooMany ? new((null, tooMany)) : new(ValidateCountingAsync(context, hash, presented.Token));
    }

    /// <summary>Forgets tokens that have expired or whose grant changed.</summary>
    public void DropOld()
    {
        var now = time.GetUtcNow();
        foreach (var (hash, caller) in _callers)
        {
            if (caller.Grant.IsStale || caller.TokenExpiresAt <= now)
            {
                _callers.TryRemove(KeyValuePair.Create(hash, caller));
            }
        }
    }

    private (Caller? Caller, GatewayError? Refusal) Check(Caller caller)
    {
        var now = time.GetUtcNow();
        return caller.TokenExpiresAt <= now ? (null, GatewayError.InvalidToken)
            : caller.Facts.ExpiresAt <= now.UtcDateTime ? (caller, GatewayError.GrantRevoked)
            : caller.Facts.IsPaused ? (caller, GatewayError.GrantPaused)
            : caller.Facts.Safety.SanctionAt(now.UtcDateTime) is { } sanction ? (caller, sanction.OfTheApp ? GatewayError.AppSuspended : GatewayError.UserSuspended)
            : (caller, null);
    }

    private async Task<(Caller? Caller, GatewayError? Refusal)> ValidateCountingAsync(HttpContext context, TokenHash hash, string token)
    {
        var result = await ValidateAsync(hash, token, context.RequestAborted);
        if (result.Refusal is { Status: StatusCodes.Status401Unauthorized })
        {
            strangers.Count(context);
        }

        return result;
    }

    private async Task<(Caller? Caller, GatewayError? Refusal)> ValidateAsync(
        TokenHash hash, string token, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var principal = await ReadAsync(scope.ServiceProvider, token, cancellationToken);
        if (principal is null
            || !Guid.TryParse(principal.GetAuthorizationId(), out var grantId)
            || !Guid.TryParse(principal.GetTokenId(), out var tokenId)
            || principal.GetExpirationDate() is not { } expires
            || !Confirmation.TryRead(principal, out var key))
        {
            return (null, GatewayError.InvalidToken);
        }

        // A change that commits while this reads marks the grant stale: then what was read is read again.
        while (true)
        {
            var grant = grants.Get(grantId);
            var facts = await FactsOfAsync(grant, cancellationToken);
            if (grant.IsStale)
            {
                continue;
            }

            if (facts is null)
            {
                grants.Forget(grant);
                return (null, GatewayError.GrantRevoked);
            }

            if (!principal.HasAudience(IssuedIdentity.AudienceOf(broker.Value, facts.UpstreamId)))
            {
                return (null, GatewayError.InvalidToken);
            }

            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            var isLive = await db.Tokens.AsNoTracking().AnyAsync(
                t => t.Id == tokenId && t.AuthorizationId == grantId && t.Status == OpenIddictConstants.Statuses.Valid, cancellationToken);
            if (grant.IsStale)
            {
                continue;
            }

            if (!isLive)
            {
                return (null, GatewayError.InvalidToken);
            }

            // What the token says and what the grant says now: a call needs both.
            var allowed = principal.GetScopes().Where(facts.Scopes.Contains).ToFrozenSet(StringComparer.Ordinal);
            var caller = new Caller(grant, facts, allowed, expires, key, facts.CarriesKey ? CarrierClaims.Read(principal) : null);
            if (_callers.Count < MostTokens)
            {
                _callers[hash] = caller;
            }

            return Check(caller);
        }
    }

    private async Task<GrantFacts?> FactsOfAsync(LiveGrant grant, CancellationToken cancellationToken)
    {
        try
        {
            return await grant.Facts.WaitAsync(cancellationToken);
        }
        catch (Exception) when (grant.Facts.IsFaulted)
        {
            grants.Retry(grant);
            throw;
        }
    }

    private static async Task<ClaimsPrincipal?> ReadAsync(
        IServiceProvider services, string token, CancellationToken cancellationToken)
    {
        try
        {
            return await services.GetRequiredService<OpenIddictValidationService>().ValidateAccessTokenAsync(token, cancellationToken);
        }
        catch (OpenIddictExceptions.ProtocolException)
        {
            return null;
        }
    }

    /// <summary>A SHA-256 as a value that a dictionary compares without allocating.</summary>
    [InlineArray(32)]
    private struct HashBytes
    {
        private byte _first;
    }

    private readonly struct TokenHash : IEquatable<TokenHash>
    {
        private readonly HashBytes _bytes;

        private TokenHash(ReadOnlySpan<byte> bytes) => bytes.CopyTo(_bytes);

        public static TokenHash Of(ReadOnlySpan<char> token)
        {
            Span<byte> text = token.Length <= UsualToken ? stackalloc byte[UsualToken] : new byte[token.Length];
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            var length = Encoding.ASCII.GetBytes(token, text);
            SHA256.HashData(text[..length], hash);
            return new TokenHash(hash);
        }

        public bool Equals(TokenHash other) => ((ReadOnlySpan<byte>)_bytes).SequenceEqual(other._bytes);

        public override bool Equals(object? obj) => obj is TokenHash other && Equals(other);

        public override int GetHashCode() => System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(_bytes);
    }
}
