using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>
/// One version of the KEK inside a token. It wraps with AES-256-GCM within the token, under a random 96-bit nonce and with
/// the record's binding and its own id as associated data. A wrapped key is <c>nonce | ciphertext | tag</c>.
/// </summary>
internal sealed class Pkcs11Kek(TokenSessions sessions, string keyId, string id) : IBoundKeyEncryptionKey
{
    public const string Algorithm = "A256GCMKW";
    private const int Shortest = TokenSession.NonceSize + TokenSession.TagSize;

    public string KeyId => keyId;

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        WrapKeyAsync(algorithm, key, cancellationToken).GetAwaiter().GetResult();

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        UnwrapKeyAsync(algorithm, encryptedKey, cancellationToken).GetAwaiter().GetResult();

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        WrapAsync(algorithm, key, null, cancellationToken);

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        UnwrapAsync(algorithm, encryptedKey, null, cancellationToken);

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, EnvelopeBinding binding, CancellationToken cancellationToken) =>
        WrapAsync(algorithm, key, binding, cancellationToken);

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, EnvelopeBinding binding, CancellationToken cancellationToken) =>
        UnwrapAsync(algorithm, encryptedKey, binding, cancellationToken);

    private async Task<byte[]> WrapAsync(string algorithm, ReadOnlyMemory<byte> key, EnvelopeBinding? binding, CancellationToken cancellationToken)
    {
        RequireAlgorithm(algorithm);
        var associatedData = AssociatedData(binding);
        var nonce = RandomNumberGenerator.GetBytes(TokenSession.NonceSize);
        var plain = GC.AllocateUninitializedArray<byte>(key.Length, pinned: true);
        key.CopyTo(plain);
        // The session's thread clears the copy when it is done with it: the caller may have left by then.
        var encrypted = await sessions.RunAsync(session => session.Encrypt(id, nonce, associatedData, plain), () => CryptographicOperations.ZeroMemory(plain), cancellationToken);
        return encrypted.Length == plain.Length + TokenSession.TagSize
            ? [.. nonce, .. encrypted]
            : throw new VaultRefusedException($"The PKCS#11 token answered with {encrypted.Length} bytes where AES-GCM gives {plain.Length + TokenSession.TagSize}. Use another token.");
    }

    private Task<byte[]> UnwrapAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, EnvelopeBinding? binding, CancellationToken cancellationToken)
    {
        RequireAlgorithm(algorithm);
        if (encryptedKey.Length <= Shortest)
        {
            throw new CryptographicException("The wrapped key is too short.");
        }

        var associatedData = AssociatedData(binding);
        var nonce = encryptedKey[..TokenSession.NonceSize].ToArray();
        var encrypted = encryptedKey[TokenSession.NonceSize..].ToArray();
        return sessions.RunAsync(session => session.Decrypt(id, nonce, associatedData, encrypted), null, cancellationToken);
    }

    /// <summary>Each part with its length, the KEK's id first.</summary>
    private byte[] AssociatedData(EnvelopeBinding? binding)
    {
        using var data = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        string[] parts = binding is { } bound ? [KeyId, bound.Owner, bound.RecordId, bound.Purpose] : [KeyId];
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            data.Write(length);
            data.Write(bytes);
        }

        return data.ToArray();
    }

    private static void RequireAlgorithm(string algorithm)
    {
        if (algorithm != Algorithm)
        {
            throw new NotSupportedException($"The PKCS#11 vault wraps with {Algorithm} only, not '{algorithm}'.");
        }
    }
}
