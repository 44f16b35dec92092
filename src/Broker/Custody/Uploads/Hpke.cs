using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TokenBroker.Custody.Uploads;

/// <summary>
/// Opens what was sealed with HPKE (RFC 9180) in base mode, single-shot, with the one suite that is used here:
/// DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. The primitives are .NET's own. Base mode
/// says nothing of who sealed: the page's session, its antiforgery token and the one-time nonce do.
/// </summary>
internal static class Hpke
{
    public const int PointSize = 65;
    private const int KeySize = 32;
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private static readonly byte[] Version = "HPKE-v1"u8.ToArray();
    private static readonly byte[] Kem = [.. "KEM"u8, 0x00, 0x10];
    private static readonly byte[] Suite = [.. "HPKE"u8, 0x00, 0x10, 0x00, 0x01, 0x00, 0x02];

    /// <summary>What the key schedule gives for the first and only message.</summary>
    internal readonly record struct Schedule(byte[] SharedSecret, byte[] Key, byte[] Nonce);

    /// <param name="recipient">The private key.</param>
    /// <param name="encapsulated">The sender's ephemeral point, uncompressed (RFC 9180, section 7.1.1).</param>
    /// <param name="info">What both sides know of the use.</param>
    /// <param name="associatedData">What the ciphertext is bound to.</param>
    /// <param name="ciphertext">With its tag.</param>
    /// <exception cref="CryptographicException">It does not open: changed, cut short, sealed to another key, or no point of the curve.</exception>
    public static Secret Open(
        ECDiffieHellman recipient, ReadOnlySpan<byte> encapsulated, ReadOnlySpan<byte> info, ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> ciphertext)
    {
        if (ciphertext.Length < TagSize)
        {
            throw new CryptographicException("The sealed upload is cut short.");
        }

        var schedule = ScheduleOf(recipient, encapsulated, info);
        var plain = GC.AllocateUninitializedArray<byte>(ciphertext.Length - TagSize, pinned: true);
        try
        {
            using var aes = new AesGcm(schedule.Key, TagSize);
            aes.Decrypt(schedule.Nonce, ciphertext[..^TagSize], ciphertext[^TagSize..], plain, associatedData);
            return new Secret(plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
            CryptographicOperations.ZeroMemory(schedule.Key);
            CryptographicOperations.ZeroMemory(schedule.SharedSecret);
        }
    }

    /// <summary>Decap (section 4.1) and KeySchedule in base mode (section 5.1).</summary>
    internal static Schedule ScheduleOf(ECDiffieHellman recipient, ReadOnlySpan<byte> encapsulated, ReadOnlySpan<byte> info)
    {
        using var sender = PeerOf(encapsulated);
        var own = PointOf(recipient);
        var agreed = recipient.DeriveRawSecretAgreement(sender.PublicKey);
        var ephemeral = Extract(Kem, [], "eae_prk"u8, agreed);
        var shared = Expand(Kem, ephemeral, "shared_secret"u8, [.. encapsulated, .. own], KeySize);

        byte[] context = [0x00, .. Extract(Suite, [], "psk_id_hash"u8, []), .. Extract(Suite, [], "info_hash"u8, info)];
        var secret = Extract(Suite, shared, "secret"u8, []);
        var schedule = new Schedule(shared, Expand(Suite, secret, "key"u8, context, KeySize), Expand(Suite, secret, "base_nonce"u8, context, NonceSize));
        CryptographicOperations.ZeroMemory(agreed);
        CryptographicOperations.ZeroMemory(ephemeral);
        CryptographicOperations.ZeroMemory(secret);
        return schedule;
    }

    /// <summary>The public key, uncompressed.</summary>
    public static byte[] PointOf(ECDiffieHellman key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return [0x04, .. point.X!, .. point.Y!];
    }

    /// <summary>The import refuses a point that is not on the curve (sections 7.1.4 and 9.2); every other one of P-256 is in the right group.</summary>
    private static ECDiffieHellman PeerOf(ReadOnlySpan<byte> point)
    {
        if (point.Length != PointSize || point[0] != 0x04)
        {
            throw new CryptographicException("The sealed upload has no uncompressed point of P-256.");
        }

        return ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = point[1..33].ToArray(), Y = point[33..].ToArray() },
        });
    }

    private static byte[] Extract(ReadOnlySpan<byte> suite, byte[] salt, ReadOnlySpan<byte> label, ReadOnlySpan<byte> material) =>
        HKDF.Extract(HashAlgorithmName.SHA256, [.. Version, .. suite, .. label, .. material], salt);

    private static byte[] Expand(ReadOnlySpan<byte> suite, byte[] key, ReadOnlySpan<byte> label, ReadOnlySpan<byte> info, int size)
    {
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)size);
        return HKDF.Expand(HashAlgorithmName.SHA256, key, size, [.. length, .. Version, .. suite, .. label, .. info]);
    }
}
