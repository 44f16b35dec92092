using System.Collections.Frozen;

namespace TokenBroker.Upstreams;

/// <summary>A provider's API as the catalogue holds it after validation.</summary>
internal sealed class Upstream(string id, UpstreamOptions options)
{
    public string Id => id;

    public string Name => options.Name;

    /// <summary>Scheme, host and path prefix, without a trailing slash.</summary>
    public string BaseUrl { get; } = options.BaseUrl.TrimEnd('/');

    public string KeyPage => options.KeyPage;

    public string KeyPrefix => options.KeyPrefix;

    public string KeyCheckPath => options.KeyCheckPath;

    public string CredentialHeader => options.Credential.Header;

    /// <summary>Where the provider's clients put a key, and so the app's token; null where that is Authorization.</summary>
    public string? TokenHeader { get; } = options.Credential.Header.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ? null : options.Credential.Header;

    public string CredentialPrefix { get; } = options.Credential.Prefix
        ?? (options.Credential.Header.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ? "Bearer " : "");

    /// <summary>Headers that every request to it carries.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; } = [.. options.Headers];

    public string PriceListId { get; } = options.PriceList.Length > 0 ? options.PriceList : id;

    public UsageShape Usage => options.Usage;

    public TimeSpan IdleTimeout => options.IdleTimeout;

    public IReadOnlyList<string> SuggestedModels => [.. options.SuggestedModels];

    public IReadOnlyList<Capability> Capabilities { get; } =
        [.. options.Capabilities.Where(pair => options.Only.Count == 0 || options.Only.Contains(pair.Key)).Select(pair => new Capability($"{id}:{pair.Key}", pair.Value.Title, pair.Value.Sentence))];

    /// <summary>The scope that opens the whole provider account to an app, also what others made there.</summary>
    public string AccountScope { get; } = $"{id}:account";

    /// <summary>The kinds of objects that belong to who made them. Whatever else a path names lives inside one of these.</summary>
    public FrozenSet<string> OwnedKinds { get; } = options.Operations
        .SelectMany(o => Operation.From(id, o, options).Creates)
        .Select(told => told.Kind)
        .ToFrozenSet(StringComparer.Ordinal);

    private readonly FrozenDictionary<(string Method, string Path), Operation> _exact = options.Operations
        .Where(o => !IsDenied(o, options) && !o.Path.Contains('{', StringComparison.Ordinal))
        .ToFrozenDictionary(o => (o.Method, o.Path), o => Operation.From(id, o, options));

    private readonly OperationTree _tree = OperationTree.Of(options.Operations.Select(o => (o, Operation.From(id, o, options), IsDenied(o, options))));

    /// <summary>Finds the operation that a method and target name, byte for byte. No decoding, no folding: what is matched is what is sent.</summary>
    /// <returns>Null for everything the catalogue does not list.</returns>
    public Found? Find(string method, string target)
    {
        // Most calls have neither query nor id.
        return _exact.TryGetValue((method, target), out var operation) ? new Found(operation) : _tree.Find(method, target);
    }

    private static bool IsDenied(OperationOptions operation, UpstreamOptions options) =>
        (operation.Denied.Length > 0 && !options.Allow.Contains(operation.Name))
        || (options.Only.Count > 0 && !options.Only.Contains(operation.Capability));
}

/// <summary>A scope and its words at consent.</summary>
internal sealed record Capability(string Scope, string Title, string Sentence);
