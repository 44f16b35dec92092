using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// The public key that a DPoP proof carries, and its thumbprint (RFC 7638), which is what tokens are bound to. The
/// invariant: one key has one thumbprint, so every encoding but the canonical one is refused.
/// </summary>
internal sealed class ProofKey
{
    /// <summary>The length of every thumbprint: a SHA-256 in base64url.</summary>
    public const int ThumbprintLength = 43;

    private const string Exponent = "AQAB";
    private const int LeastRsaBytes = 256;
    private const int MostRsaBytes = 512;

    /// <summary>What has no place in a public key (RFC 7518, section 6).</summary>
    private static readonly string[] s_privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    private readonly string _algorithm;
    private readonly ECParameters _ec;
    private readonly RSAParameters _rsa;

    private ProofKey(string algorithm, ECParameters ec, RSAParameters rsa, string thumbprint) =>
        (_algorithm, _ec, _rsa, Thumbprint) = (algorithm, ec, rsa, thumbprint);

    /// <summary>What a proof may be signed with. Asymmetric, all of them: the key is in the proof.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = ["ES256", "ES384", "RS256", "PS256"];

    public string Thumbprint { get; }

    /// <summary>Whether a text has the form of a thumbprint, such as <c>dpop_jkt</c> must have.</summary>
    public static bool IsThumbprint(string? text) =>
        text is { Length: ThumbprintLength } && Bytes(text) is { Length: SHA256.HashSizeInBytes };

    /// <exception cref="InvalidOperationException">A member has another JSON type than its own.</exception>
    public static (ProofKey? Key, ProofFault? Fault) Read(string? algorithm, JsonElement jwk)
    {
        if (algorithm is null || !Algorithms.Contains(algorithm))
        {
            return (null, ProofFault.Algorithm);
        }

        if (jwk.ValueKind != JsonValueKind.Object)
        {
            return (null, ProofFault.Key);
        }

        foreach (var member in s_privateMembers)
        {
            if (jwk.TryGetProperty(member, out _))
            {
                return (null, ProofFault.PrivateKey);
            }
        }

        var key = (Text(jwk, "kty"), algorithm) switch
        {
            ("EC", "ES256") => OnCurve(jwk, algorithm, "P-256", ECCurve.NamedCurves.nistP256, 32),
            ("EC", "ES384") => OnCurve(jwk, algorithm, "P-384", ECCurve.NamedCurves.nistP384, 48),
            ("RSA", "RS256" or "PS256") => Rsa(jwk, algorithm),
            ("EC" or "RSA", _) => null,
            _ => null,
        };
        return key is null ? (null, ProofFault.Key) : (key, null);
    }

    public bool Verifies(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        try
        {
            switch (_algorithm)
            {
                case "ES256" or "ES384":
                    using (var ecdsa = ECDsa.Create(_ec))
                    {
                        return ecdsa.VerifyData(
                            data,
                            signature,
                            _algorithm == "ES256" ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA384,
                            DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
                    }

                default:
                    using (var rsa = RSA.Create(_rsa))
                    {
                        return rsa.VerifyData(
                            data, signature, HashAlgorithmName.SHA256, _algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
                    }
            }
        }
        catch (CryptographicException)
        {
            // Such as a point that is not on its curve.
            return false;
        }
    }

    private static ProofKey? OnCurve(JsonElement jwk, string algorithm, string name, ECCurve curve, int size)
    {
        if (Text(jwk, "crv") != name || Text(jwk, "x") is not { } x || Text(jwk, "y") is not { } y
            || Bytes(x) is not { } xBytes || Bytes(y) is not { } yBytes || xBytes.Length != size || yBytes.Length != size)
        {
            return null;
        }

        var ec = new ECParameters { Curve = curve, Q = new ECPoint { X = xBytes, Y = yBytes } };
        return new ProofKey(algorithm, ec, default, Hash($$"""{"crv":"{{name}}","kty":"EC","x":"{{x}}","y":"{{y}}"}"""));
    }

    private static ProofKey? Rsa(JsonElement jwk, string algorithm)
    {
        // A first byte of zero would be the same number with another thumbprint.
        if (Text(jwk, "e") != Exponent || Text(jwk, "n") is not { } n || Bytes(n) is not { Length: >= LeastRsaBytes and <= MostRsaBytes } modulus || modulus[0] < 0x80)
        {
            return null;
        }

        var rsa = new RSAParameters { Modulus = modulus, Exponent = [1, 0, 1] };
        return new ProofKey(algorithm, default, rsa, Hash($$"""{"e":"{{Exponent}}","kty":"RSA","n":"{{n}}"}"""));
    }

    private static string? Text(JsonElement jwk, string name) => jwk.TryGetProperty(name, out var value) ? value.GetString() : null;

    /// <summary>Null for what is not the one base64url spelling of some bytes.</summary>
    private static byte[]? Bytes(string text)
    {
        try
        {
            var bytes = Base64Url.DecodeFromChars(text);
            return Base64Url.EncodeToString(bytes) == text ? bytes : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static string Hash(string json) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(json)));
}
