using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Reads and checks an ID token as an app without any library of ours would.</summary>
internal static class IdToken
{
    public static JsonElement ClaimsOf(Tokens tokens) => Part(tokens.Raw.GetProperty("id_token").GetString()!, 1);

    /// <summary>Whether one of these keys, as the JWKS gives them, signed it with ES256.</summary>
    public static bool IsSignedBy(Tokens tokens, JsonElement jwks)
    {
        var jwt = tokens.Raw.GetProperty("id_token").GetString()!;
        var header = Part(jwt, 0);
        header.GetProperty("alg").GetString().Should().Be("ES256");
        var key = jwks.GetProperty("keys").EnumerateArray().SingleOrDefault(k => k.GetProperty("kid").GetString() == header.GetProperty("kid").GetString());
        if (key.ValueKind == JsonValueKind.Undefined)
        {
            return false;
        }

        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Bytes(key, "x"), Y = Bytes(key, "y") },
        });
        var dot = jwt.LastIndexOf('.');
        return ecdsa.VerifyData(Encoding.ASCII.GetBytes(jwt[..dot]), WebEncoders.Base64UrlDecode(jwt[(dot + 1)..]), HashAlgorithmName.SHA256);
    }

    public static string KidOf(Tokens tokens) => Part(tokens.Raw.GetProperty("id_token").GetString()!, 0).GetProperty("kid").GetString()!;

    public static async Task<JsonElement> JwksAsync(BrokerHost broker)
    {
        using var http = broker.NewClient();
        var discovery = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");
        return await http.GetFromJsonAsync<JsonElement>(discovery.GetProperty("jwks_uri").GetString());
    }

    private static JsonElement Part(string jwt, int index) =>
        JsonSerializer.Deserialize<JsonElement>(WebEncoders.Base64UrlDecode(jwt.Split('.')[index]));

    private static byte[] Bytes(JsonElement key, string name) => WebEncoders.Base64UrlDecode(key.GetProperty(name).GetString()!);
}
