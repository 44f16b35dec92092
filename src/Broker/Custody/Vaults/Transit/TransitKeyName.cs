using System.Globalization;
using System.Text.RegularExpressions;

namespace TokenBroker.Custody.Vaults.Transit;

/// <summary>The configured key and how its versions are named with records: <c>transit:HOST/NAMESPACE/MOUNT/KEY:v3</c>.</summary>
internal sealed partial class TransitKeyName
{
    private readonly string _prefix;

    private TransitKeyName(Uri address, string? ns, string mount, string key)
    {
        (Address, Namespace, Mount, Key) = (address, ns, mount, key);
        _prefix = $"transit:{address.Authority}/{(ns is null ? "" : ns + "/")}{mount}/{key}:v";
    }

    public Uri Address { get; }

    public string? Namespace { get; }

    public string Mount { get; }

    public string Key { get; }

    /// <exception cref="InvalidOperationException">A part is missing, or the address is neither https nor on this machine.</exception>
    public static TransitKeyName Parse(TransitVaultOptions options)
    {
        if (!Uri.TryCreate(options.Address, UriKind.Absolute, out var address)
            || address is not { AbsolutePath: "/", Query: "", Fragment: "", UserInfo: "" }
            || !(address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            throw new InvalidOperationException($"Vault:Transit:Address is '{options.Address}'; it must be https://HOST:PORT, or http on loopback, without a path.");
        }

        var ns = options.Namespace?.Trim('/');
        var mount = options.Mount.Trim('/');
        return Path().IsMatch(mount) && (ns is null || Path().IsMatch(ns)) && options.Key is { } key && Name().IsMatch(key)
            ? new TransitKeyName(address, ns, mount, key)
            : throw new InvalidOperationException("Vault:Transit:Key must name a key, and Mount and Namespace be paths, of letters, digits, '-', '_' and '.' alone.");
    }

    public string IdOf(int version) => _prefix + version.ToString(CultureInfo.InvariantCulture);

    /// <returns>Null where an id is not of a version of this key.</returns>
    public int? VersionOf(string keyId) =>
        keyId.StartsWith(_prefix, StringComparison.Ordinal) && Number().IsMatch(keyId.AsSpan(_prefix.Length))
            ? int.Parse(keyId.AsSpan(_prefix.Length), CultureInfo.InvariantCulture)
            : null;

    /// <summary>The address of an operation: <c>encrypt</c>, <c>decrypt</c>, or <c>keys</c> with what follows.</summary>
    public Uri Operation(string verb, string? then = null) => new(Address, $"/v1/{Mount}/{verb}/{Key}{(then is null ? "" : "/" + then)}");

    [GeneratedRegex(@"^[0-9A-Za-z_-][0-9A-Za-z._-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();

    [GeneratedRegex(@"^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Path();

    [GeneratedRegex(@"^[1-9][0-9]{0,8}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
