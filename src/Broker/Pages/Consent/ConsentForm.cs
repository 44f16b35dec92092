using System.Globalization;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Pages.Consent;

/// <summary>An answer, as the form posts it. <see cref="AnswerConsent"/> says what is wrong with it.</summary>
internal sealed class ConsentForm
{
    public const string NewKeyChoice = "new";
    public const string CarriedKeyChoice = "carried";
    private const string CreditPrefix = "credit-";
    public const string NeverStored = "never";
    public const string Approve = "approve";
    public const string AnyModel = "any";
    public const string SomeModels = "some";
    private static readonly Budget s_usualBudget = new(5 * Money.MicrosOfDollar, BudgetPeriod.Month);

    public string? Decision { get; set; }

    /// <summary>What was asked; see <see cref="ConsentRequest.Shape"/>.</summary>
    public ConsentShape Shape { get; set; }

    /// <summary>See <see cref="ConsentRequest.Seen"/>.</summary>
    public string? Seen { get; set; }

    public IList<string> Scopes { get; set; } = [];

    /// <summary>The id of a stored key, or <see cref="NewKeyChoice"/>, <see cref="CarriedKeyChoice"/> for the one that the app's tokens carry, or a <see cref="CreditChoice"/>.</summary>
    public string? KeyId { get; set; }

    /// <summary>As the page sealed it; see <see cref="Keys.UploadForms"/>.</summary>
    public string? NewKey { get; set; }

    public string? NewKeyLabel { get; set; }

    /// <summary>What becomes of the new key: <see cref="NeverStored"/>, or else it is kept.</summary>
    public string? Keep { get; set; }

    /// <summary><c>any</c> or <c>some</c>.</summary>
    public string ModelChoice { get; set; } = AnyModel;

    public IList<string> Models { get; set; } = [];

    /// <summary>More model names, separated by commas or spaces.</summary>
    public string? OtherModels { get; set; }

    /// <summary>Dollars in a <see cref="Period"/>.</summary>
    public string? Budget { get; set; }

    public string? Period { get; set; } = nameof(BudgetPeriod.Month);

    /// <summary>Calls in a minute; empty for the broker's own limit.</summary>
    public string? Rate { get; set; }

    /// <summary>One of <see cref="LifetimeChoice"/>.</summary>
    public string? LifetimeDays { get; set; } = LifetimeChoice.Usual;

    /// <summary>Which limits of the difference may be raised: <c>budget</c>, <c>rate</c>, <c>lifetime</c>.</summary>
    public IList<string> Raise { get; set; } = [];

    /// <summary>The value of <see cref="KeyId"/> where credit pays.</summary>
    public static string CreditChoice(Guid sponsorId) => CreditPrefix + sponsorId.ToString("N");

    /// <summary>Null for every model.</summary>
    public IReadOnlyList<string>? ChosenModels => ModelChoice == SomeModels
        ? [.. Models.Concat((OtherModels ?? "").Split([',', ' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct()]
        : null;

    /// <summary>Null where none was chosen that there is.</summary>
    public BudgetPeriod? ChosenPeriod => Enum.GetValues<BudgetPeriod>().Cast<BudgetPeriod?>().FirstOrDefault(p => p.ToString() == Period);

    /// <summary>The form as it stands before the person changes it: their earlier answer, or else what the app proposes.</summary>
    public static ConsentForm For(ConsentRequest request)
    {
        var (earlier, proposal, difference) = (request.Earlier, request.Proposal, request.Difference);
        var models = earlier is null ? proposal?.Models : earlier.Models;
        var offered = ModelsOffered(request);
        var budget = earlier is null ? proposal?.Budget ?? s_usualBudget : new Budget(earlier.BudgetMicros, earlier.BudgetPeriod);
        return new ConsentForm
        {
            Shape = request.Shape,
            Seen = request.Seen,
            Scopes = [.. request.Capabilities.Select(c => c.Capability.Scope), .. request.IdentityScopes],
            Keep = earlier is { CarriesKey: true } ? NeverStored : null,
            KeyId = PurseOf(request),
            ModelChoice = models is null && proposal?.Models is null ? AnyModel : SomeModels,
            Models = [.. difference?.Models ?? (models ?? proposal?.Models ?? []).Intersect(offered)],
            OtherModels = models is null ? null : string.Join(", ", models.Except(offered)),
            Budget = Money.Plain(budget.Micros),
            Period = budget.Period.ToString(),
            Rate = (earlier is null ? proposal?.RequestsPerMinute : earlier.RequestsPerMinute)?.ToString(CultureInfo.InvariantCulture),
            LifetimeDays = proposal?.Lifetime is null ? LifetimeChoice.Usual : LifetimeChoice.Proposed,
            Raise = ["budget", "rate", "lifetime"],
        };
    }

    /// <summary>What pays now; for who never chose, their newest key, and only where they have none the credit that there is.</summary>
    private static string PurseOf(ConsentRequest request) =>
        request.KeepsCarriedKey ? CarriedKeyChoice
        : request.Earlier is { CarriesKey: true } ? NewKeyChoice
        : request.Earlier?.SponsorId is { } sponsor && request.Credit.Any(offer => offer.SponsorId == sponsor) ? CreditChoice(sponsor)
        : request.Earlier?.UpstreamKeyId is { } keyId ? keyId.ToString()
        : request.Keys is [.., var newest] ? newest.Id.ToString()
        : request.Credit is [var offered, ..] ? CreditChoice(offered.SponsorId)
        : NewKeyChoice;

    /// <summary>The models that have a box to tick: those that the app proposes or has, or else those that the upstream suggests.</summary>
    public static IReadOnlyList<string> ModelsOffered(ConsentRequest request) => request.Proposal?.Models is { } proposed
        ? [.. proposed.Union(request.Earlier?.Models ?? [])]
        : request.Upstream.SuggestedModels;
}
