namespace TokenBroker.Sdk;

/// <summary>
/// Where the tokens of connections are kept. What a store gets is sealed already with ASP.NET Data Protection and bound to
/// its connection, so a store needs no encryption of its own and a copied row opens nowhere else. Implementations are
/// singletons and are called in parallel.
/// </summary>
/// <remarks>
/// Two are shipped: <see cref="InMemoryTokenStore"/> (the default) and <see cref="DistributedCacheTokenStore"/>. Where an
/// app runs on several nodes, the nodes must share the store and the Data Protection keys.
/// </remarks>
public interface ITokenStore
{
    /// <summary>Gives what was last set, or null where nothing was set, it was removed, or it has expired.</summary>
    /// <param name="connectionId">64 lower-case hexadecimal characters.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The sealed tokens, about 1 to 4 KB.</returns>
    ValueTask<byte[]?> GetAsync(string connectionId, CancellationToken cancellationToken);

    /// <summary>Keeps the sealed tokens in place of earlier ones. Must be durable when it returns: refresh tokens rotate.</summary>
    /// <param name="connectionId">64 lower-case hexadecimal characters.</param>
    /// <param name="sealedTokens">The sealed tokens.</param>
    /// <param name="expiresAt">When they are of no more use and should be dropped.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends when the tokens are kept.</returns>
    ValueTask SetAsync(string connectionId, byte[] sealedTokens, DateTimeOffset expiresAt, CancellationToken cancellationToken);

    /// <summary>Drops the tokens; no error where there are none.</summary>
    /// <param name="connectionId">64 lower-case hexadecimal characters.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends when the tokens are gone.</returns>
    ValueTask RemoveAsync(string connectionId, CancellationToken cancellationToken);
}
