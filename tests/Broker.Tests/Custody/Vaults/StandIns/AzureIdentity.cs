using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Azure.Core;

namespace TokenBroker.Tests.Custody.Vaults.StandIns;

/// <summary>A directory that gives tokens for whatever resource is asked for, as Entra ID does, with audience, tenant and end.</summary>
public sealed class AzureIdentity : TokenCredential
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public string TenantId { get; } = Guid.NewGuid().ToString();

    /// <summary>The scopes that tokens were asked for.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>What tokens are for, where that is not what was asked.</summary>
    public string? Audience { get; set; }

    /// <summary>Thrown in place of giving a token.</summary>
    public Exception? Failure { get; set; }

    /// <summary>How long tokens live, whatever the client is told.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    private sealed record Claims(string Aud, string Tid, DateTimeOffset Exp);

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        var scope = requestContext.Scopes.Single();
        Asked.Enqueue(scope);
        if (Failure is not null)
        {
            throw Failure;
        }

        var claims = new Claims(Audience ?? scope.Replace("/.default", "", StringComparison.Ordinal), requestContext.TenantId ?? TenantId, DateTimeOffset.UtcNow + Lifetime);
        var payload = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims));
        return new AccessToken(payload + "." + Sign(payload), DateTimeOffset.UtcNow.AddHours(1));
    }

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        ValueTask.FromResult(GetToken(requestContext, cancellationToken));

    /// <summary>Why a token is not good for a resource; null where it is.</summary>
    public string? ComplaintOf(string authorization, string resource)
    {
        if (!authorization.StartsWith("Bearer ", StringComparison.Ordinal) || authorization[7..].Split('.') is not [var payload, var signature] || signature != Sign(payload))
        {
            return "AKV10022: Invalid token";
        }

        var claims = JsonSerializer.Deserialize<Claims>(Base64Url.DecodeFromChars(payload))!;
        return claims.Aud != resource ? $"AKV10022: Invalid audience. Expected {resource}, found: {claims.Aud}."
            : claims.Tid != TenantId ? "AKV10032: Invalid issuer."
            : claims.Exp < DateTimeOffset.UtcNow ? "AKV10014: Token is expired."
            : null;
    }

    private string Sign(string payload) => Base64Url.EncodeToString(HMACSHA256.HashData(_key, System.Text.Encoding.ASCII.GetBytes(payload)));
}
