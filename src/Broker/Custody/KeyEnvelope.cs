using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Custody;

/// <summary>What a sealed record belongs to. It is authenticated with the record, so that a row that is copied elsewhere does not open.</summary>
/// <param name="Owner">The user's id, or <c>broker</c> for the broker's own records.</param>
/// <param name="RecordId">The row's id.</param>
/// <param name="Purpose">The upstream, or what the record is for.</param>
internal readonly record struct EnvelopeBinding(string Owner, string RecordId, string Purpose);

/// <summary>
/// The sealed form of a secret at rest. A fresh 256-bit DEK per record, wrapped by the KEK; AES-256-GCM with a
/// random 96-bit nonce and a 128-bit tag; associated data binds owner, record, purpose and the whole header. GCM
/// commits to no key, so the header also carries an HKDF commitment to the DEK. Answers: a stolen database, a row
/// moved to another user, a record rolled back to another format or KEK version, any flipped byte.
/// <code>
///   "TBK" | version (1) | algorithm (1) | KEK id (2 + n) | wrapped DEK (2 + n) | commitment (32) | nonce (12) | ciphertext | tag (16)
/// </code>
/// </summary>
internal static class KeyEnvelope
{
    private const byte Version = 1;
    private const byte Aes256Gcm = 1;
    private const int CommitmentSize = 32;
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private static readonly byte[] EncryptInfo = "tokenbroker envelope 1 encrypt"u8.ToArray();
    private static readonly byte[] CommitInfo = "tokenbroker envelope 1 commit"u8.ToArray();

    public static async Task<byte[]> SealAsync(
        Vault vault, Secret secret, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        using var dek = NewDataKey();
        var plainDek = dek.Reveal(static bytes => bytes.ToArray());
        byte[] wrapped;
        try
        {
            wrapped = await vault.WrapAsync(plainDek, cancellationToken);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plainDek);
        }

        var kekId = Encoding.UTF8.GetBytes(vault.CurrentKeyId);
        var headerSize = 5 + 2 + kekId.Length + 2 + wrapped.Length + CommitmentSize;
        var record = new byte[headerSize + NonceSize + secret.Length + TagSize];
        "TBK"u8.CopyTo(record);
        record[3] = Version;
        record[4] = Aes256Gcm;
        var at = 5;
        at = WriteField(record, at, kekId);
        at = WriteField(record, at, wrapped);
        Derive(dek, CommitInfo, record.AsSpan(at, CommitmentSize));
        RandomNumberGenerator.Fill(record.AsSpan(headerSize, NonceSize));

        Span<byte> key = stackalloc byte[32];
        Derive(dek, EncryptInfo, key);
        using var aes = new AesGcm(key, TagSize);
        CryptographicOperations.ZeroMemory(key);
        secret.Reveal(plain =>
        {
            var body = record.AsSpan(headerSize + NonceSize);
            aes.Encrypt(
                record.AsSpan(headerSize, NonceSize), plain, body[..^TagSize], body[^TagSize..],
                AssociatedData(record.AsSpan(0, headerSize), binding));
            return 0;
        });
        return record;
    }

    /// <exception cref="CryptographicException">The record was changed, moved, or sealed by another key.</exception>
    /// <exception cref="KeyNotFoundException">The vault has no such KEK version.</exception>
    public static async Task<Secret> OpenAsync(
        Vault vault, ReadOnlyMemory<byte> record, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        var (kekId, wrapped, headerSize) = ReadHeader(record);
        using var dek = await vault.UnwrapAsync(Encoding.UTF8.GetString(kekId.Span), wrapped, cancellationToken);
        return Open(dek, record.Span, headerSize, binding);
    }

    private static Secret Open(Secret dek, ReadOnlySpan<byte> record, int headerSize, EnvelopeBinding binding)
    {
        Span<byte> commitment = stackalloc byte[CommitmentSize];
        Derive(dek, CommitInfo, commitment);
        if (!CryptographicOperations.FixedTimeEquals(commitment, record[(headerSize - CommitmentSize)..headerSize]))
        {
            throw new CryptographicException("The record is not sealed by this data key.");
        }

        Span<byte> key = stackalloc byte[32];
        Derive(dek, EncryptInfo, key);
        using var aes = new AesGcm(key, TagSize);
        CryptographicOperations.ZeroMemory(key);

        var body = record[(headerSize + NonceSize)..];
        var plain = GC.AllocateUninitializedArray<byte>(body.Length - TagSize, pinned: true);
        try
        {
            aes.Decrypt(
                record.Slice(headerSize, NonceSize), body[..^TagSize], body[^TagSize..], plain,
                AssociatedData(record[..headerSize], binding));
            return new Secret(plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private static (ReadOnlyMemory<byte> KekId, ReadOnlyMemory<byte> Wrapped, int HeaderSize) ReadHeader(ReadOnlyMemory<byte> record)
    {
        if (record.Length < 5 || !record.Span[..3].SequenceEqual("TBK"u8) || record.Span[3] != Version || record.Span[4] != Aes256Gcm)
        {
            throw new CryptographicException("The record is not an envelope of a known version.");
        }

        var at = 5;
        var kekId = ReadField(record, ref at);
        var wrapped = ReadField(record, ref at);
        var headerSize = at + CommitmentSize;
        return record.Length >= headerSize + NonceSize + TagSize
            ? (kekId, wrapped, headerSize)
            : throw new CryptographicException("The record is cut short.");
    }

    private static ReadOnlyMemory<byte> ReadField(ReadOnlyMemory<byte> record, ref int at)
    {
        if (record.Length < at + 2)
        {
            throw new CryptographicException("The record is cut short.");
        }

        var length = BinaryPrimitives.ReadUInt16BigEndian(record.Span[at..]);
        if (record.Length < at + 2 + length)
        {
            throw new CryptographicException("The record is cut short.");
        }

        var field = record.Slice(at + 2, length);
        at += 2 + length;
        return field;
    }

    private static int WriteField(byte[] record, int at, ReadOnlySpan<byte> field)
    {
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(at), checked((ushort)field.Length));
        field.CopyTo(record.AsSpan(at + 2));
        return at + 2 + field.Length;
    }

    private static byte[] AssociatedData(ReadOnlySpan<byte> header, EnvelopeBinding binding)
    {
        using var data = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (var part in (ReadOnlySpan<string>)[binding.Owner, binding.RecordId, binding.Purpose])
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            data.Write(length);
            data.Write(bytes);
        }

        data.Write(header);
        return data.ToArray();
    }

    private static Secret NewDataKey()
    {
        Span<byte> bytes = stackalloc byte[32];
        RandomNumberGenerator.Fill(bytes);
        var dek = new Secret(bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return dek;
    }

    private static void Derive(Secret dek, byte[] info, Span<byte> output)
    {
        var derived = dek.Reveal(key =>
        {
            var key32 = new byte[32];
            HKDF.DeriveKey(HashAlgorithmName.SHA256, key, key32, salt: [], info);
            return key32;
        });
        derived.CopyTo(output);
        CryptographicOperations.ZeroMemory(derived);
    }
}
