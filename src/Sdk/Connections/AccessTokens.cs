using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

using Microsoft.Extensions.Logging;

using TokenBroker.Sdk.Connecting;
using TokenBroker.Sdk.Tokens;

namespace TokenBroker.Sdk.Connections;

/// <summary>
/// Keeps each connection's access token fresh. Invariants:
/// refresh tokens rotate, so at most one refresh of a connection is under way in this process and all callers share it;
/// a refresh is never cancelled half-way, since its answer holds the only successor; what changes a connection (connect,
/// refresh, disconnect) happens one after the other, so a refresh cannot bring back what the user has just disconnected;
/// and a connection whose grant has ended is removed. Between processes the broker's reuse leeway, which gives all of
/// them the same successor, does the rest.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The gates live as long as the process and never use their wait handle.")]
internal sealed class AccessTokens(TokenVault vault, BrokerClient broker, TimeProvider clock, ILogger<AccessTokens> logger)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<TokenSet>>> refreshes = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim[] gates = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>The connection as it is stored, without a call to the broker; null where there is none that can be used.</summary>
    public async ValueTask<TokenSet?> PeekAsync(string? connectionId, CancellationToken cancellationToken)
    {
        var stored = connectionId is null ? null : await vault.ReadAsync(connectionId, cancellationToken);
        return stored is { RefreshToken: null } && stored.ExpiresAt <= clock.GetUtcNow() ? null : stored;
    }

    /// <summary>Gives tokens to send, refreshed if need be; not those whose access token the gateway has just rejected.</summary>
    /// <exception cref="ConsentRequiredException">Not connected, or the grant has ended.</exception>
    /// <exception cref="TokenBrokerException">The broker could not be asked.</exception>
    public async Task<TokenSet> GetAsync(string? connectionId, Secret? rejected, CancellationToken cancellationToken)
    {
        var stored = await PeekAsync(connectionId, cancellationToken) ?? throw ConsentRequiredException.NotConnected();
        if (IsFresh(stored, rejected))
        {
            return stored;
        }

        try
        {
            var refreshed = await RefreshOnceAsync(connectionId!, rejected).WaitAsync(cancellationToken);
            return refreshed.AccessToken.Matches(rejected)
                ? await RefreshOnceAsync(connectionId!, rejected).WaitAsync(cancellationToken) // joined one that began before the rejection
                : refreshed;
        }
        catch (TokenBrokerException exception) when (exception is not ConsentRequiredException && rejected is null && stored.ExpiresAt > clock.GetUtcNow())
        {
            logger.LogWarning("The access token could not be refreshed early ({Code}); the present one is used until it ends.", exception.Code);
            return stored;
        }
    }

    public async Task ConnectAsync(string connectionId, TokenSet tokens, CancellationToken cancellationToken)
    {
        using var turn = await TakeTurnAsync(connectionId, cancellationToken);
        await vault.WriteAsync(connectionId, tokens, cancellationToken);
    }

    /// <summary>Revokes the grant at the broker (RFC 7009) and drops the tokens, these in any case.</summary>
    /// <returns>False where the broker could not be told.</returns>
    public async Task<bool> DisconnectAsync(string connectionId, CancellationToken cancellationToken)
    {
        using var turn = await TakeTurnAsync(connectionId, cancellationToken);
        var stored = await vault.ReadAsync(connectionId, cancellationToken);
        await vault.RemoveAsync(connectionId, CancellationToken.None);
        if (stored is null)
        {
            return true;
        }

        try
        {
            await broker.RevokeAsync(stored, CancellationToken.None);
            return true;
        }
        catch (TokenBrokerException exception)
        {
            logger.LogWarning("The tokens were dropped, but the grant could not be revoked at the broker ({Code}); the user can end it in the portal.", exception.Code);
            return false;
        }
    }

    /// <summary>Removes a connection whose grant the gateway reports as ended, unless the user has connected anew meanwhile.</summary>
    public async Task DropAsync(string? connectionId, TokenSet ended)
    {
        if (connectionId is null)
        {
            return;
        }

        using var turn = await TakeTurnAsync(connectionId, CancellationToken.None);
        if (await vault.ReadAsync(connectionId, CancellationToken.None) is { } stored && stored.ConnectedAt == ended.ConnectedAt)
        {
            await vault.RemoveAsync(connectionId, CancellationToken.None);
        }
    }

    private Task<TokenSet> RefreshOnceAsync(string connectionId, Secret? rejected) => refreshes.GetOrAdd(
        connectionId,
        static (id, work) => new Lazy<Task<TokenSet>>(() => work.Self.RefreshAsync(id, work.Rejected)),
        (Self: this, Rejected: rejected)).Value;

    private async Task<TokenSet> RefreshAsync(string connectionId, Secret? rejected)
    {
        try
        {
            using var turn = await TakeTurnAsync(connectionId, CancellationToken.None);
            var stored = await PeekAsync(connectionId, CancellationToken.None) ?? throw ConsentRequiredException.NotConnected();
            if (IsFresh(stored, rejected))
            {
                return stored;
            }

            return await RefreshStoredAsync(connectionId, stored);
        }
        finally
        {
            refreshes.TryRemove(connectionId, out _);
        }
    }

    private async Task<TokenSet> RefreshStoredAsync(string connectionId, TokenSet stored)
    {
        try
        {
            var next = stored.RefreshToken is null ? throw GrantRevokedException.AtRefresh() : await broker.RefreshAsync(stored, CancellationToken.None);
            await vault.WriteAsync(connectionId, next, CancellationToken.None);
            return next;
        }
        catch (TokenBrokerException exception) when (exception.Code is "invalid_grant" or "grant_revoked")
        {
            // Another node may have used this refresh token first, and stored its successor.
            var other = await PeekAsync(connectionId, CancellationToken.None);
            if (other is not null && !other.AccessToken.Matches(stored.AccessToken) && IsFresh(other, rejected: null))
            {
                return other;
            }

            await vault.RemoveAsync(connectionId, CancellationToken.None);
            logger.LogInformation("The broker ended a grant; its connection was removed.");
            throw GrantRevokedException.AtRefresh();
        }
    }

    private bool IsFresh(TokenSet tokens, Secret? rejected) =>
        !tokens.AccessToken.Matches(rejected)
        && clock.GetUtcNow() < (tokens.RefreshToken is null ? tokens.ExpiresAt : tokens.RefreshAt);

    /// <summary>A connection's id is a SHA-256 in hexadecimal: its first byte spreads connections evenly over the gates.</summary>
    private async ValueTask<Turn> TakeTurnAsync(string connectionId, CancellationToken cancellationToken)
    {
        var gate = gates[Convert.FromHexString(connectionId.AsSpan(0, 2))[0]];
        await gate.WaitAsync(cancellationToken);
        return new Turn(gate);
    }

    private readonly struct Turn(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
