using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace TokenBroker.Tests.Custody.Vaults.Aws;

/// <summary>Checks signatures as AWS does (IAM user guide, "Create a signed AWS API request"), from the request as it arrived.</summary>
internal sealed class SigV4(string region, Func<string, string?> secretOf, Func<DateTimeOffset> now)
{
    private const string Scheme = "AWS4-HMAC-SHA256";
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    /// <returns>The error that AWS names, or null.</returns>
    public (string Error, string Message)? Refuse(HttpRequest request, byte[] body)
    {
        var authorization = request.Headers.Authorization.ToString();
        if (authorization.Length == 0)
        {
            return ("MissingAuthenticationTokenException", "Request is missing Authentication Token");
        }

        var parts = authorization.StartsWith(Scheme + " ", StringComparison.Ordinal)
            ? authorization[(Scheme.Length + 1)..].Split(',', StringSplitOptions.TrimEntries).Select(part => part.Split('=', 2)).Where(part => part.Length == 2).ToDictionary(part => part[0], part => part[1])
            : [];
        if (!parts.TryGetValue("Credential", out var credential) || !parts.TryGetValue("SignedHeaders", out var signed) || !parts.TryGetValue("Signature", out var signature)
            || credential.Split('/') is not [var accessKey, var day, var ofRegion, var ofService, "aws4_request"])
        {
            return ("IncompleteSignatureException", "Authorization header requires Credential, SignedHeaders and Signature.");
        }

        var time = request.Headers["X-Amz-Date"].ToString();
        if (!DateTimeOffset.TryParseExact(time, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var signedAt))
        {
            return ("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.");
        }

        if (!time.StartsWith(day, StringComparison.Ordinal) || ofRegion != region || ofService != "kms")
        {
            return ("InvalidSignatureException", $"Credential should be scoped to '{region}', 'kms' and the date of the request.");
        }

        if ((now() - signedAt).Duration() > Skew)
        {
            return ("InvalidSignatureException", $"Signature expired: {time} is too far from now.");
        }

        if (secretOf(accessKey) is not { } secret)
        {
            return ("UnrecognizedClientException", "The security token included in the request is invalid.");
        }

        var names = signed.Split(';');
        if (!names.Contains("host") || request.Headers.Keys.Select(name => name.ToLowerInvariant()).Any(name => name.StartsWith("x-amz-", StringComparison.Ordinal) && !names.Contains(name)))
        {
            return ("InvalidSignatureException", "'Host' and every 'X-Amz-' header must be a 'SignedHeader'.");
        }

        var expected = Sign(request, body, names, signed, secret, time, day);
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), Encoding.ASCII.GetBytes(signature))
            ? null
            : ("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.");
    }

    private string Sign(HttpRequest request, byte[] body, string[] names, string signed, string secret, string time, string day)
    {
        var canonical = new StringBuilder().Append(request.Method).Append('\n').Append(request.Path.ToUriComponent()).Append('\n').Append('\n');
        foreach (var name in names)
        {
            canonical.Append(name).Append(':').Append(request.Headers[name].ToString().Trim()).Append('\n');
        }

        canonical.Append('\n').Append(signed).Append('\n').Append(Convert.ToHexStringLower(SHA256.HashData(body)));
        var scope = $"{day}/{region}/kms/aws4_request";
        var toSign = $"{Scheme}\n{time}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToString())))}";
        var key = Encoding.UTF8.GetBytes("AWS4" + secret);
        foreach (var part in (string[])[day, region, "kms", "aws4_request"])
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign)));
    }
}
