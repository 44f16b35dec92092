using Azure.Core.Cryptography;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;

namespace TokenBroker.Tests.Custody.Rewrapping;

/// <summary>The embedded vault, with something done before each unwrap: a change beside it, a refusal, a pause that it asks for.</summary>
internal sealed class HookedVault(LocalFileVault inner) : IKeyVault
{
    private int _unwraps;

    /// <summary>Given the number of the unwrap, from 1.</summary>
    public Func<int, Task> BeforeUnwrap { get; set; } = _ => Task.CompletedTask;

    public int Unwraps => Volatile.Read(ref _unwraps);

    public string Kind => "hooked";

    public string Algorithm => inner.Algorithm;

    public bool Holds(string keyId) => inner.Holds(keyId);

    public async Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) => new Kek(this, await inner.CurrentAsync(cancellationToken));

    public Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken) => inner.VersionsAsync(cancellationToken);

    public Task<string> RotateAsync(CancellationToken cancellationToken) => inner.RotateAsync(cancellationToken);

    public Task RetireAsync(string keyId, CancellationToken cancellationToken) => inner.RetireAsync(keyId, cancellationToken);

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => new Kek(this, inner.Resolve(keyId, cancellationToken));

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

    private sealed class Kek(HookedVault vault, IKeyEncryptionKey inner) : IKeyEncryptionKey
    {
        public string KeyId => inner.KeyId;

        public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => inner.WrapKey(algorithm, key, cancellationToken);

        public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => inner.WrapKeyAsync(algorithm, key, cancellationToken);

        public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => inner.UnwrapKey(algorithm, encryptedKey, cancellationToken);

        public async Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
        {
            await vault.BeforeUnwrap(Interlocked.Increment(ref vault._unwraps));
            return await inner.UnwrapKeyAsync(algorithm, encryptedKey, cancellationToken);
        }
    }
}
