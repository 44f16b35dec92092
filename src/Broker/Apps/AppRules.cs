using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using TokenBroker.Operations;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>What is wrong with a registration.</summary>
/// <param name="Field">The property of <see cref="AppRegistration"/>.</param>
/// <param name="Message">What to change, to follow the name of the app.</param>
internal sealed record AppComplaint(string Field, string Message);

/// <summary>What a registration must keep, wherever it comes from.</summary>
internal sealed class AppRules(Catalogue catalogue, IOptions<BrokerOptions> broker)
{
    public const int LongestName = 60;
    private const int LongestId = 100;
    public const int LongestUri = 500;
    private const int MostUris = 20;
    private const int LeastSecretLength = 43;
    private const int LeastRsaBits = 2048;

    /// <summary>The grant types that a registration may name.</summary>
    public static FrozenSet<string> KnownGrantTypes { get; } = FrozenSet.ToFrozenSet(
        [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, GrantTypes.DeviceCode, GrantTypes.TokenExchange]);

    private static readonly FrozenSet<string> s_refusedSchemes = FrozenSet.ToFrozenSet(["javascript", "data", "file", "vbscript", "blob", "about"]);

    public IEnumerable<AppComplaint> Complaints(AppRegistration entry) =>
        OfIdentity(entry).Concat(OfCredentials(entry)).Concat(OfRedirects(entry)).Concat(OfScopes(entry));

    /// <summary>Whether an address may be shown or gone to: https, or http on loopback.</summary>
    public static bool IsSafe(string uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var parsed)
        && parsed.UserInfo.Length == 0
        && (parsed.Scheme == Uri.UriSchemeHttps || (parsed.Scheme == Uri.UriSchemeHttp && IsLoopback(parsed)));

    /// <summary>
    /// Whether it leads to the person's own machine. The framework takes the name <c>loopback</c> for localhost; a browser
    /// asks the network for it, and whoever answers would get what was meant to stay on the machine.
    /// </summary>
    public static bool IsLoopback(Uri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.IsLoopback
            && (uri.HostNameType != UriHostNameType.Dns
                || uri.OriginalString.StartsWith(uri.Scheme + "://localhost", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Line breaks, and marks that turn the direction of text or do not show, make one name look like another.</summary>
    public static bool IsPlain(string name) => name.EnumerateRunes().All(rune => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate));

    private static IEnumerable<AppComplaint> OfIdentity(AppRegistration entry)
    {
        // The address of a client ID metadata document is as long as any other.
        var longest = entry.ClientId.Contains("://", StringComparison.Ordinal) ? LongestUri : LongestId;
        if (entry.ClientId.Length == 0 || entry.ClientId.Length > longest)
        {
            yield return new(nameof(entry.ClientId), $"needs a ClientId of 1 to {longest} characters");
        }

        if (entry.Name.Length is 0 or > LongestName)
        {
            yield return new(nameof(entry.Name), $"needs a Name of 1 to {LongestName} characters");
        }

        if (entry.HomepageUrl is { } homepage && (!IsSafe(homepage) || homepage.Length > LongestUri))
        {
            yield return new(nameof(entry.HomepageUrl), $"has a HomepageUrl that is neither https nor http on loopback: {homepage}");
        }

        if (entry.ApplicationType is not (ApplicationTypes.Web or ApplicationTypes.Native))
        {
            yield return new(nameof(entry.ApplicationType), $"has an ApplicationType that is neither web nor native: {entry.ApplicationType}");
        }

        foreach (var type in entry.GrantTypes.Where(type => !KnownGrantTypes.Contains(type)))
        {
            yield return new(nameof(entry.GrantTypes), $"has a grant type that is not known: {type}. Known: {string.Join(' ', KnownGrantTypes)}");
        }
    }

    private static IEnumerable<AppComplaint> OfCredentials(AppRegistration entry)
    {
        if (entry.ClientSecret is { Length: < LeastSecretLength })
        {
            yield return new(nameof(entry.ClientSecret), $"needs a ClientSecret of at least {LeastSecretLength} random characters: run 'openssl rand -base64 32'");
        }

        if (entry.Jwks is null)
        {
            yield break;
        }

        if (entry.ClientSecret is not null)
        {
            yield return new(nameof(entry.Jwks), "has both a ClientSecret and Jwks; an app authenticates in one way");
        }

        if (KeysOf(entry.Jwks) is not { Keys.Count: > 0 } keys)
        {
            yield return new(nameof(entry.Jwks), "has Jwks that are not a JSON Web Key Set with at least one key");
        }
        else if (keys.Keys.Any(key => key.HasPrivateKey || key.Kty is not ("EC" or "RSA")))
        {
            yield return new(nameof(entry.Jwks), "has Jwks with a private or symmetric key; list public EC or RSA keys");
        }
        else if (keys.Keys.Any(key => key.Kty == "RSA" ? key.KeySize < LeastRsaBits : key.Crv is not ("P-256" or "P-384")))
        {
            yield return new(nameof(entry.Jwks), $"has Jwks with an RSA key of less than {LeastRsaBits} bits, or an EC key that is neither on P-256 nor on P-384");
        }
    }

    private IEnumerable<AppComplaint> OfRedirects(AppRegistration entry)
    {
        var redirects = entry.GrantTypes.Count == 0 || entry.GrantTypes.Contains(GrantTypes.AuthorizationCode);
        if (redirects && entry.RedirectUris.Count == 0)
        {
            yield return new(nameof(entry.RedirectUris), "needs at least one entry in RedirectUris");
        }

        if (entry.RedirectUris.Count > MostUris)
        {
            yield return new(nameof(entry.RedirectUris), $"has more than {MostUris} RedirectUris");
        }

        foreach (var uri in entry.RedirectUris)
        {
            if (uri.Length > LongestUri || uri.Contains('#', StringComparison.Ordinal) || !(IsSafe(uri) || (entry.ApplicationType == ApplicationTypes.Native && IsPrivateUse(uri))))
            {
                yield return new(nameof(entry.RedirectUris), $"has a redirect URI that is neither https nor http on loopback: {uri}");
            }
            else if (IsTheBrokers(uri))
            {
                yield return new(nameof(entry.RedirectUris), $"has a redirect URI at this broker itself: {uri}");
            }
        }
    }

    private IEnumerable<AppComplaint> OfScopes(AppRegistration entry)
    {
        foreach (var scope in entry.Scopes.Where(scope => !catalogue.AllScopes.Contains(scope)))
        {
            yield return new(nameof(entry.Scopes), $"asks for a scope that no upstream offers: {scope}. Known: {string.Join(' ', catalogue.AllScopes)}");
        }

        foreach (var scope in entry.OptionalScopes.Where(scope => !entry.Scopes.Contains(scope)))
        {
            yield return new(nameof(entry.OptionalScopes), $"has an optional scope that is not among its Scopes: {scope}");
        }
    }

    /// <summary>The consent page shows where a person is sent, and would name the broker; and no page here waits for a code.</summary>
    private bool IsTheBrokers(string uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var parsed)
        && broker.Value.PublicUrl is var own
        && parsed.Scheme == own.Scheme
        && parsed.Port == own.Port
        && string.Equals(parsed.IdnHost, own.IdnHost, StringComparison.OrdinalIgnoreCase);

    /// <summary>A private-use scheme of a native app: a domain in reverse, which alone says whose it is (RFC 8252, section 7.1).</summary>
    private static bool IsPrivateUse(string uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var parsed)
        && parsed.Scheme.Contains('.', StringComparison.Ordinal)
        && !s_refusedSchemes.Contains(parsed.Scheme);

    private static JsonWebKeySet? KeysOf(string json)
    {
        try
        {
            return new JsonWebKeySet(json);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
