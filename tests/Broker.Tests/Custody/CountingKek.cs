using Azure.Core.Cryptography;
using TokenBroker.Custody;

namespace TokenBroker.Tests.Custody;

/// <summary>A vault of somebody else's, as far as Custody can see: it counts, it can be slow, and it can fail.</summary>
internal sealed class CountingKek(LocalFileKek inner) : IKeyEncryptionKey, IKeyEncryptionKeyResolver
{
    private int _unwraps;

    public string KeyId => inner.KeyId;

    public int Unwraps => Volatile.Read(ref _unwraps);

    /// <summary>What an unwrap waits for.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public Exception? Failure { get; set; }

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        inner.WrapKey(algorithm, key, cancellationToken);

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        inner.WrapKeyAsync(algorithm, key, cancellationToken);

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        inner.UnwrapKey(algorithm, encryptedKey, cancellationToken);

    public async Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _unwraps);
        await Gate.WaitAsync(cancellationToken);
        return Failure is { } failure ? throw failure : inner.UnwrapKey(algorithm, encryptedKey, cancellationToken);
    }

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => this;

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult<IKeyEncryptionKey>(this);
}
