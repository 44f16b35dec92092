using System.Globalization;
using TokenBroker.Grants;

namespace TokenBroker.Pages.Consent;

/// <summary>What the person may narrow, as the form posts it.</summary>
internal sealed class ConsentForm
{
    public const long MostBudgetMicros = 10_000 * Money.MicrosOfDollar;
    public const string NewKeyChoice = "new";
    public const string LifetimeComplaint = "Choose how long the access lasts.";
    private const string DefaultBudget = "5";
    private const int MostModels = 100;
    private static readonly int[] LifetimesInDays = [1, 30, 90];

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

    public int LifetimeDays { get; set; } = 30;

    public TimeSpan Lifetime => TimeSpan.FromDays(LifetimeDays);

    /// <summary>Null for every model.</summary>
    public IReadOnlyList<string>? ChosenModels => ModelChoice == "some"
        ? [.. Models.Concat((OtherModels ?? "").Split([',', ' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct()]
        : null;

    /// <summary>The form as it stands for a person who allowed this app before.</summary>
    public static ConsentForm Of(Grant? earlier, IReadOnlyList<string> suggested) => earlier is null
        ? new ConsentForm()
        : new ConsentForm
        {
            KeyId = earlier.UpstreamKeyId?.ToString(),
            ModelChoice = earlier.Models is null ? "any" : "some",
            Models = [.. earlier.Models?.Intersect(suggested) ?? []],
            OtherModels = earlier.Models is null ? null : string.Join(", ", earlier.Models.Except(suggested)),
            Budget = Money.Plain(earlier.BudgetMicros),
        };

    /// <summary>What is wrong with the limits, by field.</summary>
    public IEnumerable<(string Field, string Complaint)> Complaints()
    {
        if (!Money.TryRead(Budget, out var budget) || budget is 0 or > MostBudgetMicros)
        {
            yield return (nameof(Budget), string.Create(CultureInfo.InvariantCulture, $"Give an amount from 0.01 to {MostBudgetMicros / Money.MicrosOfDollar:N0} dollars."));
        }

        if (!LifetimesInDays.Contains(LifetimeDays))
        {
            yield return (nameof(LifetimeDays), LifetimeComplaint);
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
