using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>A client's own key pair, for private_key_jwt.</summary>
public sealed class ClientKeys : IDisposable
{
    private readonly AsymmetricAlgorithm _key;
    private readonly SigningCredentials _credentials;

    public ClientKeys(string algorithm)
    {
        _key = algorithm switch
        {
            "ES256" => ECDsa.Create(ECCurve.NamedCurves.nistP256),
            "ES384" => ECDsa.Create(ECCurve.NamedCurves.nistP384),
            "ES512" => ECDsa.Create(ECCurve.NamedCurves.nistP521),
            _ => RSA.Create(2048),
        };
        SecurityKey security = _key is ECDsa ecdsa ? new ECDsaSecurityKey(ecdsa) { KeyId = "k" } : new RsaSecurityKey((RSA)_key) { KeyId = "k" };
        _credentials = new SigningCredentials(security, algorithm);
        PublicSet = PublicSetOf(_key);
    }

    public string PublicSet { get; }

    public string Sign(string clientId, string audience, DateTime? expires = null) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = clientId,
        Audience = audience,
        Claims = new Dictionary<string, object> { ["sub"] = clientId, ["jti"] = Guid.NewGuid().ToString() },
        Expires = expires ?? DateTime.UtcNow.AddMinutes(1),
        TokenType = "client-authentication+jwt",
        SigningCredentials = _credentials,
    });

    public void Dispose() => _key.Dispose();

    private static string PublicSetOf(AsymmetricAlgorithm key)
    {
        var jwk = key is ECDsa ecdsa ? Ec(ecdsa.ExportParameters(false)) : Rsa(((RSA)key).ExportParameters(false));
        jwk["kid"] = "k";
        return new JsonObject { ["keys"] = new JsonArray(jwk) }.ToJsonString();
    }

    private static JsonObject Ec(ECParameters p) => new()
    {
        ["kty"] = "EC",
        ["crv"] = p.Q.X!.Length switch { 32 => "P-256", 48 => "P-384", _ => "P-521" },
        ["x"] = Base64UrlEncoder.Encode(p.Q.X),
        ["y"] = Base64UrlEncoder.Encode(p.Q.Y),
    };

    private static JsonObject Rsa(RSAParameters p) => new() { ["kty"] = "RSA", ["n"] = Base64UrlEncoder.Encode(p.Modulus), ["e"] = Base64UrlEncoder.Encode(p.Exponent) };
}
