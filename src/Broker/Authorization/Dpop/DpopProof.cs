using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Primitives;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// A DPoP proof as it was sent (RFC 9449, section 4.2): read strictly, and believed in nothing until
/// <see cref="ProofCheck"/> has passed it. Whatever two readers could understand in two ways is refused: duplicate
/// members, padding, other types than the specified ones, a second header.
/// </summary>
internal sealed class DpopProof
{
    private const int Longest = 8192;
    private const int LongestJti = 256;
    private const string Characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    private static readonly SearchValues<char> s_characters = SearchValues.Create(Characters);
    private static readonly JsonDocumentOptions s_json = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    private readonly string _compact;
    private readonly byte[] _signature;
    private readonly string? _ath;

    private DpopProof(string compact, ProofKey key, string jti, string method, string uri, double issuedAt, JsonElement payload)
    {
        _signature = Base64Url.DecodeFromChars(compact.AsSpan(compact.LastIndexOf('.') + 1));
        (_compact, Key, Jti, Method, Uri, IssuedAt) = (compact, key, jti, method, uri, issuedAt);
        Nonce = OptionalText(payload, "nonce");
        _ath = OptionalText(payload, "ath");
    }

    public ProofKey Key { get; }

    public string Jti { get; }

    public string Method { get; }

    public string Uri { get; }

    /// <summary>Seconds since 1970, with a fraction where the app gave one (RFC 7519, section 2).</summary>
    public double IssuedAt { get; }

    public string? Nonce { get; }

    /// <summary>Reads the one header; nothing of it is checked against the request yet.</summary>
    public static (DpopProof? Proof, ProofFault? Fault) Read(StringValues header)
    {
        if (header.Count == 0)
        {
            return (null, ProofFault.Missing);
        }

        if (header is not [{ Length: > 0 and <= Longest } compact])
        {
            return (null, ProofFault.NotOne);
        }

        try
        {
            return ReadCompact(compact);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            // Not JSON, a duplicate member, or a member of another type than its own.
            return (null, ProofFault.Malformed);
        }
    }

    /// <summary>RFC 9449, section 4.3, number 12.</summary>
    public bool IsFor(string accessToken)
    {
        if (_ath is not { Length: ProofKey.ThumbprintLength })
        {
            return false;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Span<char> text = stackalloc char[ProofKey.ThumbprintLength];
        SHA256.HashData(Encoding.ASCII.GetBytes(accessToken), hash);
        return Base64Url.EncodeToChars(hash, text) == text.Length && text.SequenceEqual(_ath);
    }

    public bool IsSigned()
    {
        var end = _compact.LastIndexOf('.');
        var data = ArrayPool<byte>.Shared.Rent(end);
        var length = Encoding.ASCII.GetBytes(_compact.AsSpan(0, end), data);
        var signed = Key.Verifies(data.AsSpan(0, length), _signature);
        ArrayPool<byte>.Shared.Return(data);
        return signed;
    }

    private static (DpopProof? Proof, ProofFault? Fault) ReadCompact(string compact)
    {
        var first = compact.IndexOf('.');
        var last = compact.LastIndexOf('.');
        if (first <= 0 || last == first || last == compact.Length - 1
            || compact.AsSpan(0, first).ContainsAnyExcept(s_characters)
            || compact.AsSpan(first + 1, last - first - 1).ContainsAnyExcept(s_characters)
            || compact.AsSpan(last + 1).ContainsAnyExcept(s_characters))
        {
            return (null, ProofFault.Malformed);
        }

        using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(compact.AsSpan(0, first)), s_json);
        using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(compact.AsSpan(first + 1, last - first - 1)), s_json);
        if (header.RootElement.ValueKind != JsonValueKind.Object || payload.RootElement.ValueKind != JsonValueKind.Object)
        {
            return (null, ProofFault.Malformed);
        }

        var (key, fault) = ReadHeader(header.RootElement);
        return key is null ? (null, fault) : ReadPayload(compact, key, payload.RootElement);
    }

    private static (ProofKey? Key, ProofFault? Fault) ReadHeader(JsonElement header)
    {
        if (OptionalText(header, "typ") != "dpop+jwt")
        {
            return (null, ProofFault.Type);
        }

        if (header.TryGetProperty("crit", out _))
        {
            return (null, ProofFault.Critical);
        }

        return ProofKey.Read(OptionalText(header, "alg"), header.TryGetProperty("jwk", out var jwk) ? jwk : default);
    }

    private static (DpopProof? Proof, ProofFault? Fault) ReadPayload(string compact, ProofKey key, JsonElement payload) =>
        OptionalText(payload, "jti") is { Length: > 0 and <= LongestJti } jti
        && OptionalText(payload, "htm") is { } method
        && OptionalText(payload, "htu") is { } uri
        && payload.TryGetProperty("iat", out var iat) && iat.TryGetDouble(out var issuedAt)
            ? (new DpopProof(compact, key, jti, method, uri, issuedAt, payload), null)
            : (null, ProofFault.Claims);

    /// <exception cref="InvalidOperationException">It is there, and no text.</exception>
    private static string? OptionalText(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetString() ?? throw new InvalidOperationException($"'{name}' is null.") : null;
}
