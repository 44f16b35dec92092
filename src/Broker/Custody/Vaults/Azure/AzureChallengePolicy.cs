using System.Buffers.Text;
using System.Text;
using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Core.Pipeline;

namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// Key Vault's way to a token: the first request goes out without token and body, and the 401 names the tenant and the
/// resource that the token must be for. The threat is a host that names a resource of somebody else's, to be given a
/// token that works there: the vault's host must lie under the resource's host, over https, and no token or body goes
/// to any host but the vault's.
/// </summary>
/// <param name="credential">Gives tokens.</param>
/// <param name="host">The vault's host.</param>
/// <remarks>https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses</remarks>
internal sealed partial class AzureChallengePolicy(TokenCredential credential, string host) : BearerTokenAuthenticationPolicy(credential, [])
{
    private volatile Challenge? _challenge;

    private sealed record Challenge(string Scope, string? TenantId, string? Claims);

    private sealed record Withheld(RequestContent? Content);

    protected override async ValueTask AuthorizeRequestAsync(HttpMessage message)
    {
        var uri = message.Request.Uri;
        if (uri.Scheme != Uri.UriSchemeHttps || uri.Port is not (443 or -1) || !string.Equals(uri.Host, host, StringComparison.OrdinalIgnoreCase))
        {
            throw new VaultRefusedException($"A request to {uri.Scheme}://{VaultTransport.Quote(uri.Host)} is not one to the vault at {host}.");
        }

        if (_challenge is { } known)
        {
            await AuthenticateAndAuthorizeRequestAsync(message, ContextOf(known, message));
        }
        else if (!message.TryGetProperty(typeof(Withheld), out _))
        {
            message.SetProperty(typeof(Withheld), new Withheld(message.Request.Content));
            message.Request.Content = null;
        }
    }

    protected override async ValueTask<bool> AuthorizeRequestOnChallengeAsync(HttpMessage message)
    {
        if (message.TryGetProperty(typeof(Withheld), out var withheld))
        {
            message.Request.Content = ((Withheld)withheld!).Content;
        }

        var challenge = Read(message.Response);
        _challenge = challenge with { Claims = null };
        await AuthenticateAndAuthorizeRequestAsync(message, ContextOf(challenge, message));
        return true;
    }

    private static TokenRequestContext ContextOf(Challenge challenge, HttpMessage message) =>
        new([challenge.Scope], message.Request.ClientRequestId, challenge.Claims, challenge.TenantId, isCaeEnabled: true);

    private Challenge Read(global::Azure.Response response)
    {
        var header = response.Headers.TryGetValue("WWW-Authenticate", out var value) ? value : "";
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            throw new VaultRefusedException($"{host} refused a request without saying which token it wants; is it a key vault?");
        }

        var named = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match parameter in Parameter().Matches(header[7..]))
        {
            named.TryAdd(parameter.Groups["name"].Value, parameter.Groups["value"].Value);
        }

        var resource = named.GetValueOrDefault("resource") ?? named.GetValueOrDefault("scope")?.Replace("/.default", "", StringComparison.Ordinal);
        if (!Uri.TryCreate(resource, UriKind.Absolute, out var audience) || audience.Scheme != Uri.UriSchemeHttps
            || !host.EndsWith("." + audience.Host, StringComparison.OrdinalIgnoreCase))
        {
            throw new VaultRefusedException(
                $"{host} asks for a token for '{VaultTransport.Quote(resource)}', which it is not part of. No token was sent; see that the vault's name leads where it should.");
        }

        return new Challenge(audience.GetLeftPart(UriPartial.Authority) + "/.default", TenantOf(named), ClaimsOf(named));
    }

    /// <summary>The tenant's name alone: the token is asked for where the credential says, not where the challenge does.</summary>
    private static string? TenantOf(Dictionary<string, string> named) =>
        (named.GetValueOrDefault("authorization") ?? named.GetValueOrDefault("authorization_uri")) is { } authorization
        && Uri.TryCreate(authorization, UriKind.Absolute, out var uri) && Tenant().Match(uri.AbsolutePath) is { Success: true } tenant
            ? tenant.Groups["tenant"].Value
            : null;

    /// <summary>Continuous access evaluation: the directory wants a fresh token, for a reason that it encoded.</summary>
    private static string? ClaimsOf(Dictionary<string, string> named) =>
        named.GetValueOrDefault("error") == "insufficient_claims" && named.GetValueOrDefault("claims")?.TrimEnd('=') is { } claims && Base64Url.IsValid(claims)
            ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(claims))
            : null;

    [GeneratedRegex("""(?<name>[A-Za-z_]+)\s*=\s*"(?<value>[^"]*)"(\s*,|\s|$)""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^/(?<tenant>[0-9A-Za-z.-]{1,64})/?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Tenant();
}
