using System.Text.RegularExpressions;

namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// The configured key. Whatever the vault sends back, ids and links, must be of this host and this key, spelled the same:
/// what is stored with a record is never another vault's word for it.
/// </summary>
internal sealed partial class AzureKeyName
{
    private AzureKeyName(string host, string name) => (Host, Name) = (host, name);

    public string Host { get; }

    public string Name { get; }

    private string Prefix => $"https://{Host}/keys/{Name}/";

    /// <exception cref="InvalidOperationException">It is not the https address of a key without its version.</exception>
    public static AzureKeyName Parse(string? keyId) =>
        Uri.TryCreate(keyId, UriKind.Absolute, out var uri)
        && uri is { IsDefaultPort: true, HostNameType: UriHostNameType.Dns, Query: "", Fragment: "", UserInfo: "" }
        && uri.Scheme == Uri.UriSchemeHttps
        && KeyPath().Match(uri.AbsolutePath) is { Success: true } path
            ? new AzureKeyName(uri.IdnHost, path.Groups["name"].Value)
            : throw new InvalidOperationException(
                $"Vault:Azure:KeyId is '{keyId}'; it must be the address of a key without a version, such as https://NAME.vault.azure.net/keys/KEY.");

    public string IdOf(string version) => Prefix + version;

    /// <summary>Whether an id is of a version of this key.</summary>
    public bool Owns(string? keyId) =>
        keyId is not null && keyId.StartsWith(Prefix, StringComparison.Ordinal) && Version().IsMatch(keyId.AsSpan(Prefix.Length));

    /// <summary>The address of an operation on the key or on one of its versions.</summary>
    public Uri Operation(string? keyId, string? verb) => new(
        (keyId ?? Prefix.TrimEnd('/')) + (verb is null ? "" : "/" + verb) + "?api-version=" + AzureKeyClient.ApiVersion);

    /// <summary>A link to more versions, which must stay on the vault and the key.</summary>
    public bool TryFollow(string link, out Uri next) =>
        Uri.TryCreate(link, UriKind.Absolute, out next!)
        && next is { IsDefaultPort: true, UserInfo: "" } && next.Scheme == Uri.UriSchemeHttps
        && string.Equals(next.IdnHost, Host, StringComparison.OrdinalIgnoreCase)
        && next.AbsolutePath == $"/keys/{Name}/versions";

    [GeneratedRegex(@"^/keys/(?<name>[0-9A-Za-z-]{1,127})/?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex KeyPath();

    [GeneratedRegex(@"^[0-9a-f]{32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Version();
}
