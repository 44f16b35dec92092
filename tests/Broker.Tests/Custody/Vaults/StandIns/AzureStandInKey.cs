using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace TokenBroker.Tests.Custody.Vaults.StandIns;

/// <summary>One version of a key that a stand-in for Key Vault or Managed HSM holds, with the mathematics of the real one.</summary>
public sealed class AzureStandInKey(string type, int bits, long created) : IDisposable
{
    private const ulong InitialValue = 0xA6A6A6A6A6A6A6A6;
    private readonly RSA? _rsa = type.StartsWith("RSA", StringComparison.Ordinal) ? RSA.Create(bits) : null;
    private readonly byte[] _aes = RandomNumberGenerator.GetBytes(32);

    public string Version { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public string Type => type;

    public long Created => created;

    public bool Enabled { get; set; } = true;

    public string[] Operations { get; set; } = ["wrapKey", "unwrapKey"];

    /// <summary>The public half, as the vault tells it to anybody who may get the key.</summary>
    public RSAParameters Public => _rsa!.ExportParameters(includePrivateParameters: false);

    /// <summary>The members of its JSON Web Key.</summary>
    public Dictionary<string, object> Jwk(string kid)
    {
        var jwk = new Dictionary<string, object> { ["kid"] = kid, ["kty"] = Type, ["key_ops"] = Operations };
        if (_rsa is not null)
        {
            jwk["n"] = Base64Url.EncodeToString(Public.Modulus);
            jwk["e"] = Base64Url.EncodeToString(Public.Exponent);
        }

        return jwk;
    }

    /// <returns>Null where this kind of key does not do the algorithm.</returns>
    public byte[]? Wrap(string? algorithm, byte[] key) => (algorithm, _rsa) switch
    {
        ("RSA-OAEP-256", { } rsa) => rsa.Encrypt(key, RSAEncryptionPadding.OaepSHA256),
        ("A256KW", null) => KeyWrap(_aes, key),
        _ => null,
    };

    /// <exception cref="CryptographicException">It was not wrapped by this key.</exception>
    /// <inheritdoc cref="Wrap"/>
    public byte[]? Unwrap(string? algorithm, byte[] wrapped) => (algorithm, _rsa) switch
    {
        ("RSA-OAEP-256", { } rsa) => rsa.Decrypt(wrapped, RSAEncryptionPadding.OaepSHA256),
        ("A256KW", null) => KeyUnwrap(_aes, wrapped),
        _ => null,
    };

    public void Dispose() => _rsa?.Dispose();

    /// <summary>RFC 3394, section 2.2.1.</summary>
    public static byte[] KeyWrap(byte[] kek, byte[] key)
    {
        if (key.Length < 16 || key.Length % 8 != 0)
        {
            throw new CryptographicException("A key to wrap has the wrong size.");
        }

        using var aes = Aes.Create();
        aes.Key = kek;
        var wrapped = new byte[key.Length + 8];
        BinaryPrimitives.WriteUInt64BigEndian(wrapped, InitialValue);
        key.CopyTo(wrapped, 8);
        var block = new byte[16];
        for (var t = 1; t <= 6 * (key.Length / 8); t++)
        {
            var register = wrapped.AsSpan((((t - 1) % (key.Length / 8)) + 1) * 8, 8);
            wrapped.AsSpan(0, 8).CopyTo(block);
            register.CopyTo(block.AsSpan(8));
            var turned = aes.EncryptEcb(block, PaddingMode.None);
            BinaryPrimitives.WriteUInt64BigEndian(wrapped, BinaryPrimitives.ReadUInt64BigEndian(turned) ^ (ulong)t);
            turned.AsSpan(8).CopyTo(register);
        }

        return wrapped;
    }

    /// <summary>RFC 3394, section 2.2.2.</summary>
    public static byte[] KeyUnwrap(byte[] kek, byte[] wrapped)
    {
        if (wrapped.Length < 24 || wrapped.Length % 8 != 0)
        {
            throw new CryptographicException("A wrapped key has the wrong size.");
        }

        using var aes = Aes.Create();
        aes.Key = kek;
        var opened = wrapped.ToArray();
        var registers = (wrapped.Length / 8) - 1;
        var block = new byte[16];
        for (var t = 6 * registers; t >= 1; t--)
        {
            var register = opened.AsSpan((((t - 1) % registers) + 1) * 8, 8);
            BinaryPrimitives.WriteUInt64BigEndian(block, BinaryPrimitives.ReadUInt64BigEndian(opened) ^ (ulong)t);
            register.CopyTo(block.AsSpan(8));
            var turned = aes.DecryptEcb(block, PaddingMode.None);
            turned.AsSpan(0, 8).CopyTo(opened);
            turned.AsSpan(8).CopyTo(register);
        }

        return BinaryPrimitives.ReadUInt64BigEndian(opened) == InitialValue ? opened[8..] : throw new CryptographicException("It was not wrapped by this key.");
    }
}
