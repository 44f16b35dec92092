using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Grants;

/// <summary>
/// What no grant may pass, whoever asks for it. The rate is the gateway's own setting, section <c>Gateway</c>: a grant
/// that promised more would promise what is not kept.
/// </summary>
internal sealed class GrantBounds
{
    public const int DefaultRequestsPerMinute = 600;
    public const long MostBudgetMicros = 10_000_000_000;
    public const int MostModels = 100;
    public const int LongestModel = 200;
    public static readonly TimeSpan ShortestLifetime = TimeSpan.FromHours(1);
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(90);

    [Range(1, 1_000_000)]
    public int RequestsPerMinute { get; set; } = DefaultRequestsPerMinute;

    /// <summary>Whether a text can name a model: visible ASCII, no comma, so that a list of names has one reading.</summary>
    public static bool IsModel(string name) => name.Length is > 0 and <= LongestModel && name.All(c => c is > ' ' and <= '~' and not ',');
}
