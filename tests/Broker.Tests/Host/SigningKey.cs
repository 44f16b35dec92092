using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;

namespace TokenBroker.Tests.Host;

/// <summary>A key of an app, and the JWTs that it signs; made from the RFCs' text, with nothing of the broker's.</summary>
public sealed class SigningKey
{
    private readonly ECDsa? _ec;
    private readonly RSA? _rsa;

    private SigningKey(string algorithm, ECDsa? ec, RSA? rsa)
    {
        (Algorithm, _ec, _rsa) = (algorithm, ec, rsa);
        Jwk = PublicJwk();
    }

    public string Algorithm { get; }

    public JsonObject Jwk { get; }

    /// <summary>RFC 7638.</summary>
    public string Thumbprint => Encode(SHA256.HashData(Encoding.UTF8.GetBytes(_ec is not null
        ? $$"""{"crv":"{{Jwk["crv"]}}","kty":"EC","x":"{{Jwk["x"]}}","y":"{{Jwk["y"]}}"}"""
        : $$"""{"e":"{{Jwk["e"]}}","kty":"RSA","n":"{{Jwk["n"]}}"}""")));

    public string Jwks => new JsonObject { ["keys"] = new JsonArray(Jwk.DeepClone()) }.ToJsonString();

    /// <summary>The private part, where a client leaks it into its JWK.</summary>
    public string PrivatePart => Encode(_ec is not null ? _ec.ExportParameters(true).D! : _rsa!.ExportParameters(true).D!);

    public static SigningKey New(string algorithm = "ES256", int rsaSize = 2048) => algorithm switch
    {
        "ES256" => new(algorithm, ECDsa.Create(ECCurve.NamedCurves.nistP256), null),
        "ES384" => new(algorithm, ECDsa.Create(ECCurve.NamedCurves.nistP384), null),
        "ES512" => new(algorithm, ECDsa.Create(ECCurve.NamedCurves.nistP521), null),
        _ => new(algorithm, null, RSA.Create(rsaSize)),
    };

    public string Sign(JsonObject header, JsonObject payload) => Sign(header.ToJsonString(), payload.ToJsonString());

    public string Sign(string header, string payload)
    {
        var input = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(Encoding.UTF8.GetBytes(payload))}";
        return $"{input}.{Encode(SignBytes(Encoding.ASCII.GetBytes(input)))}";
    }

    public static string Encode(byte[] bytes) => WebEncoders.Base64UrlEncode(bytes);

    private byte[] SignBytes(byte[] data)
    {
        var hash = Algorithm[2..] switch { "384" => HashAlgorithmName.SHA384, "512" => HashAlgorithmName.SHA512, _ => HashAlgorithmName.SHA256 };
        return _ec is not null
            ? _ec.SignData(data, hash)
            : _rsa!.SignData(data, hash, Algorithm.StartsWith("PS", StringComparison.Ordinal) ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
    }

    private JsonObject PublicJwk()
    {
        if (_ec is not null)
        {
            var ec = _ec.ExportParameters(false);
            var curve = Algorithm switch { "ES256" => "P-256", "ES384" => "P-384", _ => "P-521" };
            return new() { ["kty"] = "EC", ["crv"] = curve, ["x"] = Encode(ec.Q.X!), ["y"] = Encode(ec.Q.Y!) };
        }

        var rsa = _rsa!.ExportParameters(false);
        return new() { ["kty"] = "RSA", ["n"] = Encode(rsa.Modulus!), ["e"] = Encode(rsa.Exponent!) };
    }
}
