using System.Security.Cryptography;
using System.Text;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody;

/// <summary>
/// The embedded vault: a 256-bit key in a file of mode 0600, made on first start. It wraps with AES-256-GCM
/// (A256GCMKW, RFC 7518, section 4.7), bound to its own id. It keeps out a thief of the database or of a backup,
/// not one who can read this machine's files as the broker's own user.
/// </summary>
internal sealed class LocalFileKek : IKeyEncryptionKey, IKeyEncryptionKeyResolver, IDisposable
{
    public const string Algorithm = "A256GCMKW";
    private const int NonceSize = 12;
    private const int TagSize = 16;

    private readonly Secret _key;

    private LocalFileKek(ReadOnlySpan<byte> key)
    {
        _key = new Secret(key);
        KeyId = $"local-file:{Convert.ToHexStringLower(SHA256.HashData(key).AsSpan(0, 8))}";
    }

    public string KeyId { get; }

    /// <summary>Reads the key file, or makes it.</summary>
    /// <exception cref="InvalidOperationException">The file is readable by others, or not a key file.</exception>
    public static LocalFileKek LoadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            Create(path);
        }

        if (!OperatingSystem.IsWindows())
        {
            var others = File.GetUnixFileMode(path)
                & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            if (others != UnixFileMode.None)
            {
                throw new InvalidOperationException(
                    $"The vault key file {path} can be read by others ({others}). Run: chmod 600 '{path}'.");
            }
        }

        var key = new byte[32];
        try
        {
            if (!Convert.TryFromBase64String(File.ReadAllText(path).Trim(), key, out var length) || length != key.Length)
            {
                throw new InvalidOperationException(
                    $"The vault key file {path} does not hold one base64 key of 32 bytes. Restore it from a backup; without it no stored key opens.");
            }

            return new LocalFileKek(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        RequireAlgorithm(algorithm);
        var wrapped = new byte[NonceSize + key.Length + TagSize];
        var nonce = wrapped.AsSpan(0, NonceSize);
        RandomNumberGenerator.Fill(nonce);
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

        return _key.Reveal(kek =>
        {
            var wrapped = encryptedKey.Span;
            var plain = new byte[wrapped.Length - NonceSize - TagSize];
            using var aes = new AesGcm(kek, TagSize);
            aes.Decrypt(
                wrapped[..NonceSize], wrapped[NonceSize..^TagSize], wrapped[^TagSize..], plain,
                Encoding.UTF8.GetBytes(KeyId));
            return plain;
        });
    }

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        Task.FromResult(WrapKey(algorithm, key, cancellationToken));

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        Task.FromResult(UnwrapKey(algorithm, encryptedKey, cancellationToken));

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) =>
        keyId == KeyId
            ? this
            : throw new KeyNotFoundException(
                $"The vault has no key '{keyId}'; it has '{KeyId}'. The key file was replaced: restore the one that sealed this record.");

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) =>
        Task.FromResult(Resolve(keyId, cancellationToken));

    public void Dispose() => _key.Dispose();

    private static void Create(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var writer = new StreamWriter(new FileStream(path, options));
        writer.WriteLine(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }

    private static void RequireAlgorithm(string algorithm)
    {
        if (algorithm != Algorithm)
        {
            throw new NotSupportedException($"The local file vault wraps with {Algorithm} only, not '{algorithm}'.");
        }
    }
}
