using System.Collections.Frozen;

namespace TokenBroker.Upstreams;

/// <summary>
/// The upstreams that the operator configured. It is the whole of what can be called: an operation that is not
/// listed does not exist, and a key only ever goes to its upstream's own base URL, which no app or user can touch.
/// </summary>
internal sealed class Catalogue
{
    private readonly FrozenDictionary<string, Upstream> _byId;

    /// <exception cref="InvalidOperationException">An entry is not acceptable; the message says what to change.</exception>
    public Catalogue(IReadOnlyDictionary<string, UpstreamOptions> upstreams)
    {
        foreach (var (id, options) in upstreams)
        {
            Check(id, options);
        }

        _byId = upstreams.ToFrozenDictionary(pair => pair.Key, pair => new Upstream(pair.Key, pair.Value));
        AllScopes = _byId.Values.SelectMany(u => u.Capabilities).Select(c => c.Scope).Concat(IdentityScopes).ToFrozenSet();
    }

    /// <summary>The scopes of OpenID Connect that any app may ask for.</summary>
    public static IReadOnlyList<string> IdentityScopes { get; } = ["openid", "profile", "email", "offline_access"];

    public IEnumerable<Upstream> All => _byId.Values;

    public FrozenSet<string> AllScopes { get; }

    public Upstream? Find(string id) => _byId.GetValueOrDefault(id);

    /// <summary>The one upstream that a set of scopes speaks of.</summary>
    /// <returns>Null where it is none, or more than one.</returns>
    public Upstream? OfScopes(IEnumerable<string> scopes)
    {
        var ids = scopes.Where(s => s.Contains(':', StringComparison.Ordinal)).Select(s => s[..s.IndexOf(':', StringComparison.Ordinal)]).Distinct().ToList();
        return ids is [var only] ? Find(only) : null;
    }

    private static readonly FrozenSet<string> Reserved =
        new[] { "Authorization", "Cookie", "Host", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Upgrade", "Proxy-Authorization" }
            .ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static void Check(string id, UpstreamOptions options)
    {
        Require(id.Length is > 0 and <= 32 && id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)), "must have an id of lower-case letters and digits");
        Require(options.Name.Length > 0, "needs a Name");
        Require(
            Uri.TryCreate(options.BaseUrl, UriKind.Absolute, out var url)
                && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
                && url.Query.Length == 0 && url.Fragment.Length == 0 && url.UserInfo.Length == 0,
            $"needs a BaseUrl that is https, or http on loopback, without query or user; it is '{options.BaseUrl}'");
        Require(
            options.Headers.All(header => header.Key.Length > 0 && header.Key.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && header.Value.All(c => c is >= ' ' and <= '~')),
            "has Headers that are not plain names with plain values");
        Require(
            !options.Headers.Keys.Any(name => Reserved.Contains(name) || name.Equals(options.Credential.Header, StringComparison.OrdinalIgnoreCase)),
            "has Headers that are the broker's own to write");
        Require(options.Only.All(options.Capabilities.ContainsKey), "has Only with a capability that it does not list");
        Require(options.IdleTimeout > TimeSpan.Zero, "needs an IdleTimeout above zero");
        foreach (var operation in options.Operations.Where(o => o.Denied.Length == 0 || o.Capability.Length > 0))
        {
            Require(
                options.Capabilities.ContainsKey(operation.Capability),
                $"has the operation '{operation.Name}' with a Capability that it does not list: '{operation.Capability}'");
        }

        foreach (var operation in options.Operations)
        {
            Require(operation.Path.StartsWith('/'), $"has the operation '{operation.Name}' with a Path that does not start with a slash");
        }

        foreach (var name in options.Allow)
        {
            Require(
                options.Operations.Any(o => o.Name == name && o is { Denied.Length: > 0, Capability.Length: > 0 }),
                $"has '{name}' in Allow, which is not a denied operation that carries a Capability");
        }

        foreach (var (name, micros) in options.CeilingMicros)
        {
            Require(
                micros > 0 && options.Operations.Any(o => o.Name == name && o.Kind == OperationKind.Unpriced),
                $"has CeilingMicros for '{name}', which is not an operation without a price, or a ceiling that is not above zero");
        }

        void Require(bool condition, string complaint)
        {
            if (!condition)
            {
                throw new InvalidOperationException($"Upstreams: '{id}' {complaint}.");
            }
        }
    }
}
