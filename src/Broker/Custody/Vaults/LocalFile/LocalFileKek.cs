using System.Security.Cryptography;
using System.Text;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults.LocalFile;

/// <summary>One key of the embedded vault. It wraps with AES-256-GCM (A256GCMKW, RFC 7518, section 4.7), bound to its own id.</summary>
internal sealed class LocalFileKek : IKeyEncryptionKey, IDisposable
{
    public const string Algorithm = "A256GCMKW";
    public const string IdPrefix = "local-file:";
    private const int NonceSize = 12;
    private const int TagSize = 16;

    private readonly Secret _key;

    public LocalFileKek(ReadOnlySpan<byte> key)
    {
        _key = new Secret(key);
        KeyId = IdPrefix + Convert.ToHexStringLower(SHA256.HashData(key).AsSpan(0, 8));
    }

    public string KeyId { get; }

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        RequireAlgorithm(algorithm);
        var wrapped = new byte[NonceSize + key.Length + TagSize];
        RandomNumberGenerator.Fill(wrapped.AsSpan(0, NonceSize));
        _key.Reveal(kek =>
        {
            using var aes = new AesGcm(kek, TagSize);
            aes.Encrypt(
                wrapped.AsSpan(0, NonceSize), key.Span, wrapped.AsSpan(NonceSize, key.Length), wrapped.AsSpan(NonceSize + key.Length),
                Encoding.UTF8.GetBytes(KeyId));
            return 0;
        });
        return wrapped;
    }

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
    {
        RequireAlgorithm(algorithm);
        if (encryptedKey.Length <= NonceSize + TagSize)
        {
            throw new CryptographicException("The wrapped key is too short.");
        }

        try
        {
            return Unwrap(encryptedKey);
        }
        catch (ObjectDisposedException exception)
        {
            throw new KeyNotFoundException($"The key '{KeyId}' was retired.", exception);
        }
    }

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        Task.FromResult(WrapKey(algorithm, key, cancellationToken));

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        Task.FromResult(UnwrapKey(algorithm, encryptedKey, cancellationToken));

    public void Dispose() => _key.Dispose();

    private byte[] Unwrap(ReadOnlyMemory<byte> encryptedKey) =>
        _key.Reveal(kek =>
        {
            var wrapped = encryptedKey.Span;
            var plain = new byte[wrapped.Length - NonceSize - TagSize];
            using var aes = new AesGcm(kek, TagSize);
            aes.Decrypt(
                wrapped[..NonceSize], wrapped[NonceSize..^TagSize], wrapped[^TagSize..], plain,
                Encoding.UTF8.GetBytes(KeyId));
            return plain;
        });

    private static void RequireAlgorithm(string algorithm)
    {
        if (algorithm != Algorithm)
        {
            throw new NotSupportedException($"The local file vault wraps with {Algorithm} only, not '{algorithm}'.");
        }
    }
}
