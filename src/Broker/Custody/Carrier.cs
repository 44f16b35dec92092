using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Custody;

/// <summary>
/// The half of a never-stored key that an app's token holds: the row of the other half, and the secret without which that
/// row does not open. It is kept nowhere but in the token, which nobody but the broker can read.
/// </summary>
internal sealed class Carrier(Guid rowId, Secret secret)
{
    private const int IdSize = 16;
    private const int SecretSize = 32;

    public Guid RowId => rowId;

    public Secret Secret => secret;

    public static Carrier New(Guid rowId) => new(rowId, Secret.Random(SecretSize));

    /// <summary>Reads what <see cref="ForToken"/> wrote.</summary>
    /// <returns>Null where it is nothing of the kind.</returns>
    public static Carrier? Read(string? claim)
    {
        Span<byte> bytes = stackalloc byte[IdSize + SecretSize];
        if (claim is null || !Base64Url.TryDecodeFromChars(claim, bytes, out var length) || length != bytes.Length)
        {
            return null;
        }

        var carrier = new Carrier(new Guid(bytes[..IdSize], bigEndian: true), new Secret(bytes[IdSize..]));
        CryptographicOperations.ZeroMemory(bytes);
        return carrier;
    }

    /// <summary>
    /// The carrier that an authorization code is by itself. A code's payload is kept in the database until it is redeemed, and
    /// so can carry nothing; the code, which is random and is stored as a hash only, can.
    /// </summary>
    public static Carrier OfCode(Guid rowId, string code)
    {
        Span<byte> secret = stackalloc byte[SecretSize];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(code), secret, salt: [], "tokenbroker carrier of a code"u8);
        var carrier = new Carrier(rowId, new Secret(secret));
        CryptographicOperations.ZeroMemory(secret);
        return carrier;
    }

    /// <summary>As a token's claim carries it.</summary>
    public string ForToken()
    {
        Span<byte> bytes = stackalloc byte[IdSize + SecretSize];
        rowId.TryWriteBytes(bytes, bigEndian: true, out _);
        secret.CopyTo(bytes[IdSize..]);
        var text = Base64Url.EncodeToString(bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return text;
    }

    public override string ToString() => $"carrier of {rowId}";
}
