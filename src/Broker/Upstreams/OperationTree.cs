using System.Buffers;

namespace TokenBroker.Upstreams;

/// <summary>
/// The operations by the segments of their paths. A segment of a template stands for one of the request's; its text is
/// checked, so that what is sent on is what was matched: an id of plain characters, which no parser reads otherwise.
/// A literal segment goes before a template, and there is no way back from it.
/// </summary>
internal sealed class OperationTree
{
    private const int LongestId = 200;
    private static readonly SearchValues<char> IdCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:");

    private readonly Node _root = new();
    private readonly List<(string Query, string Name, string Reason)> _deniedQueries = [];

    /// <exception cref="InvalidOperationException">Two entries are for one method and path.</exception>
    public static OperationTree Of(IEnumerable<(OperationOptions Options, Operation Operation, bool IsDenied)> operations)
    {
        var tree = new OperationTree();
        foreach (var (options, operation, isDenied) in operations)
        {
            if (options.Path.StartsWith("/**?", StringComparison.Ordinal))
            {
                tree._deniedQueries.Add((options.Path[4..], options.Name, options.Denied));
                continue;
            }

            var node = tree._root;
            foreach (var segment in options.Path.Split('/').Skip(1).Where(segment => segment != "**"))
            {
                node = node.Grow(segment);
            }

            var leaf = isDenied ? new Found(null) { Name = options.Name, Refusal = options.Denied } : new Found(operation);
            if (!(options.Path.EndsWith("/**", StringComparison.Ordinal) ? node.Below : node.Here).TryAdd(options.Method, leaf))
            {
                throw new InvalidOperationException($"Upstreams: {options.Method} {options.Path} is listed twice.");
            }
        }

        return tree;
    }

    public Found? Find(string method, string target)
    {
        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? target.AsSpan() : target.AsSpan(0, question);
        var walked = Walk(method, path);
        if (walked is not { } found || question < 0)
        {
            return walked;
        }

        var query = target.AsSpan(question + 1);
        foreach (var (denied, name, reason) in _deniedQueries)
        {
            if (query.SequenceEqual(denied) || query.StartsWith(denied + "&") || query.EndsWith("&" + denied) || query.Contains($"&{denied}&", StringComparison.Ordinal))
            {
                return new Found(null) { Name = name, Refusal = reason };
            }
        }

        return found.Refusal is null ? QueryString.Check(found, query) : found;
    }

    private Found? Walk(string method, ReadOnlySpan<char> path)
    {
        var node = _root;
        Found? denied = null;
        string? model = null;
        List<PathId>? ids = null;
        if (path.IsEmpty || path[0] != '/')
        {
            return null;
        }

        foreach (var range in path[1..].Split('/'))
        {
            var segment = path[1..][range];
            if (!IsPlain(segment))
            {
                return null;
            }

            denied = node.BelowFor(method) ?? denied;
            if (node.Literal(segment) is { } literal)
            {
                node = literal;
            }
            else if (node.Template is var (kind, next))
            {
                node = next;
                model = kind == "model" ? segment.ToString() : model;
                if (kind != "model")
                {
                    (ids ??= []).Add(new PathId(kind, segment.ToString()));
                }
            }
            else
            {
                return denied;
            }
        }

        return node.HereFor(method) is { } here ? here with { ModelInPath = model, Ids = ids ?? [] } : node.BelowFor(method) ?? denied;
    }

    private static bool IsPlain(ReadOnlySpan<char> segment) =>
        segment.Length is > 0 and <= LongestId && segment is not ("." or "..") && !segment.ContainsAnyExcept(IdCharacters);

    private sealed class Node
    {
        private readonly Dictionary<string, Node> _literals = new(StringComparer.Ordinal);

        public Dictionary<string, Found> Here { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, Found> Below { get; } = new(StringComparer.Ordinal);

        public (string Kind, Node Next)? Template { get; private set; }

        public Node? Literal(ReadOnlySpan<char> segment) =>
            _literals.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(segment, out var node) ? node : null;

        public Found? HereFor(string method) => Here.TryGetValue(method, out var found) ? found : null;

        public Found? BelowFor(string method) => Below.TryGetValue(method, out var found) || Below.TryGetValue("*", out found) ? found : null;

        public Node Grow(string segment)
        {
            if (!segment.StartsWith('{'))
            {
                return _literals.TryGetValue(segment, out var known) ? known : _literals[segment] = new Node();
            }

            var kind = segment[1..^1];
            Template ??= (kind, new Node());
            return Template.Value.Kind == kind
                ? Template.Value.Next
                : throw new InvalidOperationException($"Upstreams: one place of a path is for '{Template.Value.Kind}' and for '{kind}'.");
        }
    }
}
