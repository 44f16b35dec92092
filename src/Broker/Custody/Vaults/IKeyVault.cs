using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults;

/// <summary>
/// One vault of one kind, as Custody sees it: the Azure SDK's resolver for the key versions that exist, and what rotation
/// needs beside it. Ids are full and versioned: what one version wrapped is unwrapped by exactly that version.
/// </summary>
/// <remarks>
/// Every operation throws <see cref="VaultUnavailableException"/> where the vault cannot answer now and may later,
/// <see cref="VaultRefusedException"/> where it answers that it will not until an operator mends something,
/// <see cref="KeyNotFoundException"/> where it has no such version, and
/// <see cref="System.Security.Cryptography.CryptographicException"/> where the wrapped key is not one of that version's.
/// </remarks>
internal interface IKeyVault : IKeyEncryptionKeyResolver
{
    /// <summary>The kind, as configuration names it: <c>local-file</c>, <c>transit</c>, ...</summary>
    string Kind { get; }

    /// <summary>The algorithm that its keys wrap with, as the Azure SDK's interface names algorithms.</summary>
    string Algorithm { get; }

    /// <summary>Whether a versioned id is of this vault and of the configured key in it; without asking the vault.</summary>
    bool Holds(string keyId);

    /// <summary>The version that new data keys are wrapped with.</summary>
    Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken);

    /// <summary>Every version, oldest first.</summary>
    Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken);

    /// <summary>Makes a new version and makes it the current one.</summary>
    /// <returns>Its versioned id.</returns>
    Task<string> RotateAsync(CancellationToken cancellationToken);

    /// <summary>Switches an old version off for good, so that whatever it still wraps opens never again.</summary>
    Task RetireAsync(string keyId, CancellationToken cancellationToken);
}

/// <summary>A version of the KEK.</summary>
/// <param name="KeyId">Full and versioned.</param>
/// <param name="CreatedAt">Where the vault tells.</param>
/// <param name="IsEnabled">Whether it wraps and unwraps.</param>
/// <param name="IsCurrent">Whether new data keys are wrapped with it.</param>
internal sealed record KekVersion(string KeyId, DateTimeOffset? CreatedAt, bool IsEnabled, bool IsCurrent);

/// <summary>
/// A KEK that authenticates what the wrapped key belongs to (an encryption context, associated data): it unwraps only
/// under the binding that it was wrapped with. RSA keys cannot do this; the envelope's own bindings hold for every kind.
/// </summary>
internal interface IBoundKeyEncryptionKey : IKeyEncryptionKey
{
    Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, EnvelopeBinding binding, CancellationToken cancellationToken);

    /// <exception cref="System.Security.Cryptography.CryptographicException">It was wrapped under another binding, or by another key.</exception>
    Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, EnvelopeBinding binding, CancellationToken cancellationToken);
}
