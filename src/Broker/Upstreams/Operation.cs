using System.Collections.Frozen;

namespace TokenBroker.Upstreams;

/// <summary>One method and path of an upstream.</summary>
internal sealed record Operation(string Name, string Scope, BodyKind Body, OperationKind Kind)
{
    /// <summary>The query parameters that it takes.</summary>
    public required FrozenSet<string> Query { get; init; }

    /// <summary>The members of its answer that name objects which are the caller's from then on.</summary>
    public required IReadOnlyList<ToldObject> Creates { get; init; }

    /// <summary>The kind of what it lists; null where it lists nothing that belongs to apps.</summary>
    public string? Lists { get; init; }

    /// <summary>Whether it deletes the object that its path names last.</summary>
    public bool Deletes { get; init; }

    public bool NeedsAccount { get; init; }

    /// <summary>What a call is charged that has no other price; null where the operator set none.</summary>
    public long? CeilingMicros { get; init; }

    /// <summary>The service tiers that it may be served in where a call names none.</summary>
    public IReadOnlyList<string> AutoTiers { get; init; } = [];

    public static Operation From(string upstreamId, OperationOptions options, UpstreamOptions upstream) =>
        new(options.Name, $"{upstreamId}:{options.Capability}", options.Body, options.Kind)
        {
            Query = options.Query.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal),
            Creates = [.. options.Creates.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(ToldObject.Parse)],
            Lists = options.Lists.Length == 0 ? null : options.Lists,
            Deletes = options.Method == "DELETE",
            NeedsAccount = options.NeedsAccount,
            AutoTiers = options.Kind is OperationKind.Chat or OperationKind.Response ? upstream.AutoTiers.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [],
            CeilingMicros = upstream.CeilingMicros.TryGetValue(options.Name, out var micros) ? micros : null,
        };
}

/// <summary>A member of an answer that names an object: <c>id</c>, one level down such as <c>file.id</c>, or in each object of a list: <c>output[].id</c>.</summary>
internal readonly record struct ToldObject(string? Parent, string Member, string Kind)
{
    /// <summary>What the name of a list ends with.</summary>
    public const string InList = "[]";

    /// <exception cref="InvalidOperationException">The text is not of the form <c>id=file</c>, <c>file.id=file</c> or <c>files[].id=file</c>.</exception>
    public static ToldObject Parse(string text)
    {
        var parts = text.Split('=');
        var path = parts[0].Split('.');
        return parts is [_, { Length: > 0 } kind] && path is [.., { Length: > 0 } member] && path.Length <= 2
            ? new ToldObject(path.Length == 2 ? path[0] : null, member, kind)
            : throw new InvalidOperationException($"Upstreams: '{text}' does not say which member of an answer names which kind of object.");
    }
}

/// <summary>An id in a path, and the kind of object that it names by its place.</summary>
internal readonly record struct PathId(string Kind, string Id);

/// <summary>What the catalogue knows of a method and target: an operation, or why there is none.</summary>
internal readonly record struct Found(Operation? Allowed)
{
    private readonly IReadOnlyList<PathId>? _ids;

    /// <summary>The operation; only where <see cref="Refusal"/> is null.</summary>
    public Operation Operation => Allowed ?? throw new InvalidOperationException("What was found is denied.");

    public string? ModelInPath { get; init; }

    /// <summary>The ids that its path names, in their order, those of models aside.</summary>
    public IReadOnlyList<PathId> Ids
    {
        get => _ids ?? [];
        init => _ids = value;
    }

    /// <summary>The name in the catalogue, also of what is denied.</summary>
    public string Name { get; init; } = Allowed?.Name ?? "";

    /// <summary>Why the call is not made.</summary>
    public string? Refusal { get; init; }

    /// <summary>The query parameter that is at fault.</summary>
    public string? Parameter { get; init; }

    /// <summary>The cursor of a list, where the query has one.</summary>
    public string? After { get; init; }

    public string? Before { get; init; }
}
