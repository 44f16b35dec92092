using Azure.Core.Cryptography;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;

namespace TokenBroker.Tests.Custody;

/// <summary>A vault of somebody else's, as far as Custody can see: it counts, it can be slow, and it can fail.</summary>
internal sealed class CountingVault(LocalFileVault inner) : IKeyVault, IKeyEncryptionKey
{
    private int _unwraps;

    public string Kind => "counting";

    public string Algorithm => inner.Algorithm;

    public string KeyId => Inner.KeyId;

    public int Unwraps => Volatile.Read(ref _unwraps);

    /// <summary>What an unwrap waits for.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public Exception? Failure { get; set; }

    private LocalFileKek Inner => (LocalFileKek)inner.CurrentAsync(CancellationToken.None).GetAwaiter().GetResult();

    public bool Holds(string keyId) => true;

    public Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) => Task.FromResult<IKeyEncryptionKey>(this);

    public Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken) => inner.VersionsAsync(cancellationToken);

    public Task<string> RotateAsync(CancellationToken cancellationToken) => inner.RotateAsync(cancellationToken);

    public Task RetireAsync(string keyId, CancellationToken cancellationToken) => inner.RetireAsync(keyId, cancellationToken);

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        Inner.WrapKey(algorithm, key, cancellationToken);

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        Inner.WrapKeyAsync(algorithm, key, cancellationToken);

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        Inner.UnwrapKey(algorithm, encryptedKey, cancellationToken);

    public async Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _unwraps);
        await Gate.WaitAsync(cancellationToken);
        return Failure is { } failure ? throw failure : Inner.UnwrapKey(algorithm, encryptedKey, cancellationToken);
    }

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => this;

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult<IKeyEncryptionKey>(this);
}
