using Azure.Core.Cryptography;

namespace TokenBroker.Custody;

/// <summary>
/// Wraps and unwraps data keys with the KEK. Whatever is sealed names the full, versioned id of the KEK that sealed
/// it, and is opened by exactly that version. The provider is chosen by configuration and only ever seen through the
/// Azure SDK's own interfaces, so that its clients fit in unchanged.
/// </summary>
internal sealed class Vault(IKeyEncryptionKey current, IKeyEncryptionKeyResolver resolver, string algorithm)
{
    /// <summary>The versioned id of the KEK that new data keys are wrapped with.</summary>
    public string CurrentKeyId => current.KeyId;

    public async Task<byte[]> WrapAsync(ReadOnlyMemory<byte> dataKey, CancellationToken cancellationToken) =>
        await current.WrapKeyAsync(algorithm, dataKey, cancellationToken);

    /// <exception cref="System.Security.Cryptography.CryptographicException">The wrapped key is not one of this KEK's.</exception>
    /// <exception cref="KeyNotFoundException">The vault has no such KEK version.</exception>
    public async Task<Secret> UnwrapAsync(string kekId, ReadOnlyMemory<byte> wrapped, CancellationToken cancellationToken)
    {
        var kek = kekId == current.KeyId ? current : await resolver.ResolveAsync(kekId, cancellationToken);
        var plain = await kek.UnwrapKeyAsync(algorithm, wrapped, cancellationToken);
        try
        {
            return new Secret(plain);
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(plain);
        }
    }

    /// <summary>Proves at start that what is wrapped can be unwrapped, before anything is entrusted to it.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var probe = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32);
        using var back = await UnwrapAsync(CurrentKeyId, await WrapAsync(probe, cancellationToken), cancellationToken);
        if (!back.Reveal(bytes => bytes.SequenceEqual(probe)))
        {
            throw new InvalidOperationException($"The vault key '{CurrentKeyId}' does not unwrap what it wraps. Nothing was stored.");
        }
    }
}
