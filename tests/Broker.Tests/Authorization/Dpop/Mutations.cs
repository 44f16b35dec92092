using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Dpop;

/// <summary>Every way in which one thing of a good proof is changed. The rest of it stays good.</summary>
internal static class Mutations
{
    private static readonly Dictionary<string, Action<ProofDraft>> All = new()
    {
        ["typ left out"] = d => d.Header.Remove("typ"),
        ["typ JWT"] = d => d.Header["typ"] = "JWT",
        ["typ with a prefix"] = d => d.Header["typ"] = "application/dpop+jwt",
        ["typ a number"] = d => d.Header["typ"] = 1,
        ["typ twice"] = d => d.RawHeader = d.Header.ToJsonString().Replace("{\"typ\"", "{\"typ\":\"JWT\",\"typ\"", StringComparison.Ordinal),
        ["alg left out"] = d => d.Header.Remove("alg"),
        ["alg none"] = d =>
        {
            d.Header["alg"] = "none";
            d.Then = text => text[..(text.LastIndexOf('.') + 1)];
        },
        ["alg none with a signature"] = d => d.Header["alg"] = "none",
        ["alg HS256 under the public key"] = d =>
        {
            d.Header["alg"] = "HS256";
            d.Then = text => Macced(text, Encoding.UTF8.GetBytes(d.Key.Jwk.ToJsonString()));
        },
        ["alg of another curve"] = d => d.Header["alg"] = "ES384",
        ["alg of another key type"] = d => d.Header["alg"] = "RS256",
        ["alg in lower case"] = d => d.Header["alg"] = "es256",
        ["alg that is not on the list"] = d => Use(d, SigningKey.New("ES512")),
        ["crit"] = d => d.Header["crit"] = new JsonArray("b64"),
        ["jwk left out"] = d => d.Header.Remove("jwk"),
        ["jwk a text"] = d => d.Header["jwk"] = "key",
        ["jwk with its private part"] = d => d.Header["jwk"]!["d"] = d.Key.PrivatePart,
        ["jwk symmetric"] = d => d.Header["jwk"] = new JsonObject { ["kty"] = "oct", ["k"] = "AAAA" },
        ["jwk of someone else"] = d => d.Header["jwk"] = SigningKey.New().Jwk.DeepClone(),
        ["jwk without its curve"] = d => d.Header["jwk"]!.AsObject().Remove("crv"),
        ["jwk with another curve"] = d => d.Header["jwk"]!["crv"] = "P-384",
        ["jwk with padding"] = d => d.Header["jwk"]!["x"] = d.Header["jwk"]!["x"] + "=",
        ["jwk with a shorter x"] = d => d.Header["jwk"]!["x"] = d.Header["jwk"]!["x"]!.GetValue<string>()[..40],
        ["jwk off its curve"] = d => d.Header["jwk"]!["x"] = SigningKey.Encode(RandomNumberGenerator.GetBytes(32)),
        ["jti left out"] = d => d.Payload.Remove("jti"),
        ["jti empty"] = d => d.Payload["jti"] = "",
        ["jti a number"] = d => d.Payload["jti"] = 7,
        ["jti null"] = d => d.Payload["jti"] = null,
        ["jti too long"] = d => d.Payload["jti"] = new string('j', 257),
        ["htm left out"] = d => d.Payload.Remove("htm"),
        ["htm of another method"] = d => d.Payload["htm"] = "PUT",
        ["htm in lower case"] = d => d.Payload["htm"] = d.Payload["htm"]!.GetValue<string>().ToLowerInvariant(),
        ["htu left out"] = d => d.Payload.Remove("htu"),
        ["htu of another path"] = d => d.Payload["htu"] += "x",
        ["htu with a final slash"] = d => d.Payload["htu"] += "/",
        ["htu in another case"] = d => UpperCasePath(d),
        ["htu of another host"] = d => d.Payload["htu"] = Htu(d).Replace("localhost", "elsewhere.example", StringComparison.Ordinal),
        ["htu of another name of the host"] = d => d.Payload["htu"] = Htu(d).Replace("localhost", "127.0.0.1", StringComparison.Ordinal),
        ["htu of another port"] = d => d.Payload["htu"] = new UriBuilder(Htu(d)) { Port = 81 }.Uri.AbsoluteUri,
        ["htu of another scheme"] = d => d.Payload["htu"] = Htu(d).Replace("http:", "https:", StringComparison.Ordinal),
        ["htu with a user"] = d => d.Payload["htu"] = Htu(d).Replace("//", "//user@", StringComparison.Ordinal),
        ["htu without its host"] = d => d.Payload["htu"] = new Uri(Htu(d)).AbsolutePath,
        ["htu with a backslash"] = d => d.Payload["htu"] = Htu(d).Replace("//localhost", "\\\\localhost", StringComparison.Ordinal),
        ["htu twice"] = d => d.RawPayload = "{\"htu\":\"http://elsewhere.example/\"," + d.Payload.ToJsonString()[1..],
        ["htu twice, once escaped"] = d => d.RawPayload = "{\"\\u0068tu\":\"http://elsewhere.example/\"," + d.Payload.ToJsonString()[1..],
        ["iat left out"] = d => d.Payload.Remove("iat"),
        ["iat a text"] = d => d.Payload["iat"] = d.Payload["iat"]!.ToString(),
        ["iat in milliseconds"] = d => d.Payload["iat"] = Iat(d) * 1000,
        ["iat 62 seconds ago"] = d => d.Payload["iat"] = Iat(d) - 62,
        ["iat 30 seconds ahead"] = d => d.Payload["iat"] = Iat(d) + 30,
        ["iat beyond all numbers"] = d => d.RawPayload = d.Payload.ToJsonString().Replace("\"iat\":" + Iat(d), "\"iat\":1e999", StringComparison.Ordinal),
        ["signature of another key"] = d => d.Key = SigningKey.New(),
        ["signature changed"] = d => d.Then = text => Flip(text, text.LastIndexOf('.') + 10),
        ["signature cut"] = d => d.Then = text => text[..^4],
        ["payload changed"] = d => d.Then = text => Flip(text, text.IndexOf('.', StringComparison.Ordinal) + 20),
        ["header changed"] = d => d.Then = text => Flip(text, 20),
        ["a fourth part"] = d => d.Then = text => text + ".AAAA",
        ["two parts"] = d => d.Then = text => text[..text.LastIndexOf('.')],
        ["padding"] = d => d.Then = text => text + "==",
        ["two proofs in one header"] = d => d.Then = text => text + "," + text,
        ["no JWT"] = d => d.Then = _ => "proof",
        ["a payload that is a list"] = d => d.RawPayload = "[]",
        ["a payload that is no JSON"] = d => d.RawPayload = "{",
        ["too long"] = d => d.Payload["more"] = new string('x', 8_200),
        ["a small RSA key"] = d => Use(d, SigningKey.New("RS256", 1024)),
    };

    public static IEnumerable<TheoryDataRow<string>> Names => All.Keys.Select(name => new TheoryDataRow<string>(name));

    public static Action<ProofDraft> Of(string name) => All[name];

    private static string Htu(ProofDraft draft) => draft.Payload["htu"]!.GetValue<string>();

    private static long Iat(ProofDraft draft) => draft.Payload["iat"]!.GetValue<long>();

    private static void UpperCasePath(ProofDraft draft)
    {
        var uri = new Uri(Htu(draft));
        draft.Payload["htu"] = uri.GetLeftPart(UriPartial.Authority) + uri.AbsolutePath.ToUpperInvariant();
    }

    private static void Use(ProofDraft draft, SigningKey key)
    {
        draft.Key = key;
        draft.Header["alg"] = key.Algorithm;
        draft.Header["jwk"] = key.Jwk.DeepClone();
    }

    private static string Flip(string text, int at) => text[..at] + (text[at] == 'A' ? 'B' : 'A') + text[(at + 1)..];

    private static string Macced(string text, byte[] secret)
    {
        var input = text[..text.LastIndexOf('.')];
        return $"{input}.{SigningKey.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(input)))}";
    }
}
