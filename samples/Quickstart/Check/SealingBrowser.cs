using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AngleSharp.Dom;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>
/// What a page's script does with a key before its form goes: the sender's side of HPKE (RFC 9180, base mode, P-256,
/// HKDF-SHA256, AES-256-GCM), written apart from the broker's.
/// </summary>
internal static class SealingBrowser
{
    /// <summary>The fields as the script would post them: what is typed for a hidden field that seals is sealed.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Seal(IParentNode form, IEnumerable<KeyValuePair<string, string>> fields) => fields.Select(field =>
        !string.IsNullOrEmpty(field.Key) && field.Key.EndsWith("NewKey", StringComparison.Ordinal) && field.Value is { } typed
        && !typed.StartsWith("hpke1.", StringComparison.Ordinal)
        && form.QuerySelector($"input[name='{field.Key}'][data-seals]:not([disabled])") is { } target
            ? KeyValuePair.Create(field.Key, Seal(target, typed))
            : field);

    public static string Seal(IElement target, string typed)
    {
        byte[] Of(string name) => Base64Url.DecodeFromChars(target.GetAttribute("data-" + name)!);
        var (enc, ciphertext) = Seal(Of("key"), Of("info"), Of("binding"), Encoding.UTF8.GetBytes(typed.Trim()));
        return $"hpke1.{target.GetAttribute("data-ticket")}.{Base64Url.EncodeToString(enc)}.{Base64Url.EncodeToString(ciphertext)}";
    }

    public static (byte[] Enc, byte[] Ciphertext) Seal(byte[] recipient, byte[] info, byte[] associatedData, byte[] plain)
    {
        var curve = ECCurve.NamedCurves.nistP256;
        using var ephemeral = ECDiffieHellman.Create(curve);
        using var peer = ECDiffieHellman.Create(new ECParameters { Curve = curve, Q = new ECPoint { X = recipient[1..33], Y = recipient[33..] } });
        var point = ephemeral.ExportParameters(false).Q;
        byte[] enc = [4, .. point.X!, .. point.Y!];

        byte[] kem = [.. "KEM"u8, 0, 16], suite = [.. "HPKE"u8, 0, 16, 0, 1, 0, 2];
        var shared = Expand(kem, Extract(kem, [], "eae_prk", ephemeral.DeriveRawSecretAgreement(peer.PublicKey)), "shared_secret", [.. enc, .. recipient], 32);
        byte[] context = [0, .. Extract(suite, [], "psk_id_hash", []), .. Extract(suite, [], "info_hash", info)];
        var secret = Extract(suite, shared, "secret", []);

        using var aes = new AesGcm(Expand(suite, secret, "key", context, 32), 16);
        byte[] ciphertext = new byte[plain.Length], tag = new byte[16];
        aes.Encrypt(Expand(suite, secret, "base_nonce", context, 12), plain, ciphertext, tag, associatedData);
        return (enc, [.. ciphertext, .. tag]);
    }

    // HKDF by its definition (RFC 5869): a mistake in the use of .NET's is not made twice.
    private static byte[] Extract(byte[] suite, byte[] salt, string label, byte[] material) =>
        HMACSHA256.HashData(salt.Length == 0 ? new byte[32] : salt, (byte[])[.. "HPKE-v1"u8, .. suite, .. Encoding.ASCII.GetBytes(label), .. material]);

    private static byte[] Expand(byte[] suite, byte[] key, string label, byte[] info, byte size) =>
        HMACSHA256.HashData(key, (byte[])[0, size, .. "HPKE-v1"u8, .. suite, .. Encoding.ASCII.GetBytes(label), .. info, 1])[..size];
}
