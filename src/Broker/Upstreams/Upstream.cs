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

    public string CredentialPrefix => options.Credential.Prefix;

    public string PriceListId { get; } = options.PriceList.Length > 0 ? options.PriceList : id;

    public UsageShape Usage => options.Usage;

    public TimeSpan IdleTimeout => options.IdleTimeout;

    public IReadOnlyList<string> SuggestedModels => [.. options.SuggestedModels];

    public IReadOnlyList<Capability> Capabilities { get; } =
        [.. options.Capabilities.Select(pair => new Capability($"{id}:{pair.Key}", pair.Value.Title, pair.Value.Sentence))];

    private readonly FrozenDictionary<(string Method, string Path), Operation> _exact = options.Operations
        .Where(o => !o.Path.EndsWith(ModelSegment, StringComparison.Ordinal))
        .ToFrozenDictionary(o => (o.Method, o.Path), o => Operation.From(id, o));

    private readonly (string Method, string Prefix, Operation Operation)[] _byModel = [.. options.Operations
        .Where(o => o.Path.EndsWith(ModelSegment, StringComparison.Ordinal))
        .Select(o => (o.Method, o.Path[..^ModelSegment.Length], Operation.From(id, o)))];

    private const string ModelSegment = "{model}";

    /// <summary>Finds the operation that a method and path name, byte for byte. No decoding, no folding: what is matched is what is sent.</summary>
    /// <returns>Null for everything the catalogue does not list.</returns>
    public (Operation Operation, string? ModelInPath)? Find(string method, string path)
    {
        if (_exact.TryGetValue((method, path), out var operation))
        {
            return (operation, null);
        }

        foreach (var (itsMethod, prefix, byModel) in _byModel)
        {
            if (itsMethod == method && path.StartsWith(prefix, StringComparison.Ordinal) && IsModelName(path.AsSpan(prefix.Length)))
            {
                return (byModel, path[prefix.Length..]);
            }
        }

        return null;
    }

    private static bool IsModelName(ReadOnlySpan<char> segment) =>
        segment.Length is > 0 and <= 200
        && segment is not ("." or "..")
        && segment.IndexOfAnyExcept(ModelCharacters) < 0;

    private static readonly System.Buffers.SearchValues<char> ModelCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:");
}

/// <summary>A scope and its words at consent.</summary>
internal sealed record Capability(string Scope, string Title, string Sentence);

/// <summary>One method and path of an upstream.</summary>
internal sealed record Operation(string Name, string Scope, BodyKind Body, OperationKind Kind)
{
    public static Operation From(string upstreamId, OperationOptions options) =>
        new(options.Name, $"{upstreamId}:{options.Capability}", options.Body, options.Kind);
}
