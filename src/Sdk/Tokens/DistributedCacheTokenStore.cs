using Microsoft.Extensions.Caching.Distributed;

namespace TokenBroker.Sdk;

/// <summary>
/// Keeps sealed tokens in the app's <see cref="IDistributedCache"/> (Redis, SQL Server, ...), so that connections live
/// across restarts and nodes. Register it with
/// <c>services.AddSingleton&lt;ITokenStore, DistributedCacheTokenStore&gt;()</c>, and give all nodes the same Data
/// Protection keys. Errors of the cache reach the caller.
/// </summary>
/// <param name="cache">The app's cache; keys begin with <c>tokenbroker:</c>.</param>
public sealed class DistributedCacheTokenStore(IDistributedCache cache) : ITokenStore
{
    /// <inheritdoc />
    public async ValueTask<byte[]?> GetAsync(string connectionId, CancellationToken cancellationToken) =>
        await cache.GetAsync(Key(connectionId), cancellationToken);

    /// <inheritdoc />
    public async ValueTask SetAsync(string connectionId, byte[] sealedTokens, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        await cache.SetAsync(Key(connectionId), sealedTokens, new DistributedCacheEntryOptions { AbsoluteExpiration = expiresAt }, cancellationToken);

    /// <inheritdoc />
    public async ValueTask RemoveAsync(string connectionId, CancellationToken cancellationToken) =>
        await cache.RemoveAsync(Key(connectionId), cancellationToken);

    private static string Key(string connectionId) => "tokenbroker:" + connectionId;
}
