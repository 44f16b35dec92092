using System.Buffers.Text;
using System.Security.Cryptography;

namespace TokenBroker.Custody.Uploads;

/// <summary>
/// What a browser posts in place of a key: <c>hpke1.ticket.enc.ciphertext</c>, each part in base64url. The ticket is the
/// form's own, and says which upload key it is for.
/// </summary>
internal sealed record SealedUpload(string Ticket, byte[] Encapsulated, byte[] Ciphertext)
{
    private const string Prefix = "hpke1.";
    private const int Longest = 8192;

    /// <summary>Whether this claims to be sealed. Anything else may be a key, and is not to be looked at.</summary>
    public static bool IsOne(string posted) => posted.StartsWith(Prefix, StringComparison.Ordinal);

    /// <returns>Null where it is not of this form.</returns>
    public static SealedUpload? Read(string posted)
    {
        var parts = posted.Length <= Longest ? posted.Split('.') : [];
        return parts.Length == 4 && IsOne(posted) && Base64Url.IsValid(parts[2]) && Base64Url.IsValid(parts[3])
            ? new SealedUpload(parts[1], Base64Url.DecodeFromChars(parts[2]), Base64Url.DecodeFromChars(parts[3]))
            : null;
    }

    /// <summary>HPKE's <c>info</c>: the version of this protocol, and the upload key.</summary>
    public static byte[] InfoOf(Guid keyId) => [.. "tokenbroker upload 1 "u8, .. keyId.ToByteArray(bigEndian: true)];

    /// <summary>HPKE's associated data. A digest, since the page shows it and nobody needs to read it.</summary>
    public static byte[] AssociatedDataOf(Guid userId, Guid sessionId, ReadOnlySpan<byte> nonce) => SHA256.HashData(
        [.. "tokenbroker upload 1 for"u8, .. userId.ToByteArray(bigEndian: true), .. sessionId.ToByteArray(bigEndian: true), .. nonce]);
}
