namespace TokenBroker.Safety;

/// <summary>What became of a look at a call's content: nothing was found, or exactly one of the rest.</summary>
internal sealed record ModerationVerdict
{
    private ModerationVerdict()
    {
    }

    public static ModerationVerdict Clean { get; } = new();

    /// <summary>Some of it cannot be looked at, so that nobody can say that it is harmless.</summary>
    public static ModerationVerdict Unreadable { get; } = new() { IsUnreadable = true };

    /// <summary>The endpoint gave no answer that says anything.</summary>
    public static ModerationVerdict Unavailable { get; } = new() { IsUnavailable = true };

    public static ModerationVerdict Flagged(IEnumerable<string> categories) => new() { Categories = [.. categories.Order(StringComparer.Ordinal)] };

    /// <summary>What was found, as the provider names it; empty where nothing was.</summary>
    public IReadOnlyList<string> Categories { get; private init; } = [];

    public bool IsUnreadable { get; private init; }

    public bool IsUnavailable { get; private init; }
}
