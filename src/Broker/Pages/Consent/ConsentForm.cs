using System.Globalization;

namespace TokenBroker.Pages.Consent;

/// <summary>What the person may narrow, as the form posts it.</summary>
internal sealed class ConsentForm
{
    public const long MostBudgetMicros = 10_000 * Money.MicrosOfDollar;
    public const string NewKeyChoice = "new";
    public const string Approve = "approve";
    private const string DefaultBudget = "5";
    private const int MostModels = 100;
    
    private static readonly Dictionary<string, TimeSpan> s_lifetimes = new()
    {
        ["1"] = TimeSpan.FromDays(1),
        ["30"] = TimeSpan.FromDays(30),
        ["90"] = TimeSpan.FromDays(90),
    };

    public string? Decision { get; set; }

    public IList<string> Scopes { get; set; } = [];

    /// <summary>The id of a stored key, or <see cref="NewKeyChoice"/>.</summary>
    public string? KeyId { get; set; }

    public string? NewKey { get; set; }

    public string? NewKeyLabel { get; set; }

    /// <summary><c>any</c> or <c>some</c>.</summary>
    public string ModelChoice { get; set; } = "any";

    public IList<string> Models { get; set; } = [];

    /// <summary>More model names, separated by commas or spaces.</summary>
    public string? OtherModels { get; set; }

    /// <summary>Dollars a month.</summary>
    public string? Budget { get; set; } = DefaultBudget;

    /// <summary>One of those offered.</summary>
    public string? LifetimeDays { get; set; } = "30";

    /// <summary>Null where none was chosen that is offered.</summary>
    public TimeSpan? Lifetime => s_lifetimes.TryGetValue(LifetimeDays ?? "", out var chosen) ? chosen : null;

    /// <summary>Null for every model.</summary>
    public IReadOnlyList<string>? ChosenModels => ModelChoice == "some"
        ? [.. Models.Concat((OtherModels ?? "").Split([',', ' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct()]
        : null;

    /// <summary>The form as it stands before the person changes it: what is asked, and their earlier answer.</summary>
    public static ConsentForm For(ConsentRequest request)
    {
        var earlier = request.Earlier;
        var suggested = request.Upstream.SuggestedModels;
        return new ConsentForm
        {
            Scopes = [.. request.Capabilities.Select(c => c.Capability.Scope), .. request.IdentityScopes],
            KeyId = (earlier?.UpstreamKeyId ?? request.Keys.LastOrDefault()?.Id)?.ToString() ?? NewKeyChoice,
            ModelChoice = earlier?.Models is null ? "any" : "some",
            Models = [.. earlier?.Models?.Intersect(suggested) ?? []],
            OtherModels = earlier?.Models is { } models ? string.Join(", ", models.Except(suggested)) : null,
            Budget = earlier is null ? DefaultBudget : Money.Plain(earlier.BudgetMicros),
        };
    }

    /// <summary>What is wrong with the limits, by field.</summary>
    public IEnumerable<(string Field, string Complaint)> Complaints()
    {
        if (!Money.TryRead(Budget, out var budget) || budget is 0 or > MostBudgetMicros)
        {
            yield return (nameof(Budget), string.Create(CultureInfo.InvariantCulture, $"Give an amount from 0.01 to {MostBudgetMicros / Money.MicrosOfDollar:N0} dollars."));
        }

        if (Lifetime is null)
        {
            yield return (nameof(LifetimeDays), "Choose how long the access lasts.");
        }

        if (ModelChoice is not ("any" or "some"))
        {
            yield return (nameof(ModelChoice), "Choose which models the app may use.");
        }
        else if (ChosenModels is { Count: 0 })
        {
            yield return (nameof(ModelChoice), "Choose at least one model, or allow all.");
        }
        else if (ChosenModels is { Count: > MostModels } || ChosenModels?.Any(m => m.Length > 200) == true)
        {
            yield return (nameof(OtherModels), $"At most {MostModels} models, each of at most 200 characters.");
        }
    }
}
