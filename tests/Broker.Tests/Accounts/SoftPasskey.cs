using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TokenBroker.Tests.Accounts;

/// <summary>
/// An authenticator in software: one ES256 key and the answers that a browser would post (WebAuthn level 3, sections 6.1
/// and 6.5). Each part can be spoilt, to try what the server must refuse.
/// </summary>
internal sealed class SoftPasskey : IDisposable
{
    private const byte PresentAndVerified = 0x01 | 0x04;
    private const byte HasCredential = 0x40;
    private static readonly string[] Transports = ["internal"];
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _id = RandomNumberGenerator.GetBytes(16);
    private uint _count;

    public string Id => Base64Url.EncodeToString(_id);

    public required string Origin { get; init; }

    /// <summary>What the authenticator says it did; user present and verified by default.</summary>
    public byte Flags { get; init; } = PresentAndVerified;

    /// <summary>The answer to <c>navigator.credentials.create</c>, as JSON.</summary>
    public string Create(string options)
    {
        using var json = JsonDocument.Parse(options);
        var clientData = ClientData("webauthn.create", json.RootElement.GetProperty("challenge").GetString()!);
        var point = _key.ExportParameters(false).Q;
        byte[] publicKey = [0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, .. point.X!, 0x22, 0x58, 0x20, .. point.Y!];
        byte[] authenticatorData =
        [
            .. Header(json.RootElement.GetProperty("rp").GetProperty("id").GetString()!, (byte)(Flags | HasCredential)),
            .. new byte[16], 0, (byte)_id.Length, .. _id, .. publicKey,
        ];
        byte[] attestation =
        [
            0xA3,
            0x63, .. "fmt"u8, 0x64, .. "none"u8,
            0x67, .. "attStmt"u8, 0xA0,
            0x68, .. "authData"u8, 0x59, (byte)(authenticatorData.Length >> 8), (byte)authenticatorData.Length, .. authenticatorData,
        ];
        return Answer(new
        {
            clientDataJSON = Base64Url.EncodeToString(clientData),
            attestationObject = Base64Url.EncodeToString(attestation),
            transports = Transports,
        });
    }

    /// <summary>The answer to <c>navigator.credentials.get</c>, as JSON.</summary>
    public string Get(string options, string userHandle)
    {
        using var json = JsonDocument.Parse(options);
        var clientData = ClientData("webauthn.get", json.RootElement.GetProperty("challenge").GetString()!);
        var domain = json.RootElement.TryGetProperty("rpId", out var id) && id.GetString() is { } named ? named : new Uri(Origin).Host;
        var authenticatorData = Header(domain, Flags);
        var signature = _key.SignData([.. authenticatorData, .. SHA256.HashData(clientData)], HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return Answer(new
        {
            clientDataJSON = Base64Url.EncodeToString(clientData),
            authenticatorData = Base64Url.EncodeToString(authenticatorData),
            signature = Base64Url.EncodeToString(signature),
            userHandle = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(userHandle)),
        });
    }

    public void Dispose() => _key.Dispose();

    private byte[] ClientData(string type, string challenge) =>
        JsonSerializer.SerializeToUtf8Bytes(new { type, challenge, origin = Origin, crossOrigin = false });

    private byte[] Header(string domain, byte flags)
    {
        var count = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(count, ++_count);
        return [.. SHA256.HashData(Encoding.UTF8.GetBytes(domain)), flags, .. count];
    }

    private string Answer(object response) => JsonSerializer.Serialize(new
    {
        id = Id,
        rawId = Id,
        type = "public-key",
        authenticatorAttachment = "platform",
        clientExtensionResults = new { },
        response,
    });
}
