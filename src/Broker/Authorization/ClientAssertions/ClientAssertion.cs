using System.Buffers.Text;
using System.Text.Json;

namespace TokenBroker.Authorization.ClientAssertions;

/// <summary>
/// The claims of a client assertion, read strictly before its signature is checked. The threat is an assertion that was
/// made for someone else, or long ago, or is used again: its audience is this issuer as the one text (FAPI 2.0, section
/// 5.3.2.1; not the token endpoint, whose address another server could name as its own), it lives for minutes, and its
/// <c>jti</c> counts once.
/// </summary>
internal sealed record ClientAssertion(string ClientId, string Jti, double ExpiresAt)
{
    public const string ExplicitType = "client-authentication+jwt";
    private const int LongestJti = 256;
    private const int Longest = 16 * 1024;

    /// <summary>The longest time that an assertion may be good for.</summary>
    private static readonly TimeSpan s_lifetime = TimeSpan.FromMinutes(5);

    /// <summary>How far the app's clock may be from ours.</summary>
    private static readonly TimeSpan s_skew = TimeSpan.FromSeconds(10);

    private static readonly JsonDocumentOptions s_json = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Asymmetric ones: a symmetric one would take the app's public key for a secret.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = ["ES256", "ES384", "RS256", "PS256"];

    /// <summary>From when it is refused for its age.</summary>
    public DateTimeOffset Expiry => DateTimeOffset.UnixEpoch.AddSeconds(ExpiresAt) + s_skew + TimeSpan.FromSeconds(1);

    /// <summary>None and <c>JWT</c> are what clients send today; the explicit type is what they will.</summary>
    public static bool IsType(string? type) =>
        string.IsNullOrEmpty(type)
        || string.Equals(type, "JWT", StringComparison.OrdinalIgnoreCase)
        || string.Equals(type, ExplicitType, StringComparison.OrdinalIgnoreCase)
        || string.Equals(type, "application/" + ExplicitType, StringComparison.OrdinalIgnoreCase);

    /// <param name="jwt">The assertion.</param>
    /// <param name="issuer">This server, as discovery announces it.</param>
    /// <param name="now">The time.</param>
    public static (ClientAssertion? Assertion, string? Fault) Read(string jwt, Uri issuer, DateTimeOffset now)
    {
        var parts = jwt.Length > Longest ? [] : jwt.Split('.');
        if (parts.Length != 3)
        {
            return (null, "The client assertion is not a signed JWT.");
        }

        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]), s_json);
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]), s_json);
            var fault = HeaderFault(header.RootElement);
            return fault is null ? ReadClaims(claims.RootElement, issuer, now) : (null, fault);
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            // Not JSON, a duplicate member, or a member of another type than its own.
            return (null, "The client assertion cannot be read, has a member twice, or one of a wrong type.");
        }
    }

    private static string? HeaderFault(JsonElement header) =>
        header.TryGetProperty("crit", out _) ? "The client assertion's 'crit' names an extension; none is understood here."
        : !IsType(Text(header, "typ")) ? $"The client assertion's 'typ' must be '{ExplicitType}', 'JWT' or absent."
        : !Algorithms.Contains(Text(header, "alg") ?? "") ? $"The client assertion's 'alg' must be one of {string.Join(", ", Algorithms)}."
        : null;

    private static (ClientAssertion? Assertion, string? Fault) ReadClaims(JsonElement claims, Uri issuer, DateTimeOffset now)
    {
        if (Text(claims, "iss") is not { Length: > 0 } clientId || Text(claims, "sub") != clientId)
        {
            return (null, "The client assertion's 'iss' and 'sub' must both be the client_id.");
        }

        if (Text(claims, "aud") is not { } audience || !IsIssuer(audience, issuer))
        {
            return (null, $"The client assertion's 'aud' must be the issuer alone, as a text: {issuer.AbsoluteUri}");
        }

        if (Text(claims, "jti") is not { Length: > 0 and <= LongestJti } jti)
        {
            return (null, $"The client assertion needs a 'jti' of 1 to {LongestJti} characters.");
        }

        var seconds = now.ToUnixTimeMilliseconds() / 1000.0;
        if (Number(claims, "exp") is not { } exp || exp + s_skew.TotalSeconds <= seconds || exp > seconds + (s_lifetime + s_skew).TotalSeconds)
        {
            return (null, $"The client assertion's 'exp' must lie ahead, by no more than {s_lifetime.TotalMinutes} minutes.");
        }

        return Number(claims, "iat") > seconds + s_skew.TotalSeconds || Number(claims, "nbf") > seconds + s_skew.TotalSeconds
            ? (null, "The client assertion is from the future. Check the clock.")
            : (new ClientAssertion(clientId, jti, exp), null);
    }

    /// <summary>With the slash that a URI's empty path stands for, or without: clients write it in both ways.</summary>
    private static bool IsIssuer(string audience, Uri issuer) =>
        audience == issuer.AbsoluteUri || (issuer.AbsolutePath == "/" && audience + "/" == issuer.AbsoluteUri);

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static double? Number(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetDouble() : null;
}
