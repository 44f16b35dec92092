using System.Globalization;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Pages.Consent;

/// <summary>
/// The limits that a full answer sets, read from the form. The person may give less than the app proposes, and more
/// than that is no use to anybody: it is refused, so that nothing is given unseen by a slip of the finger. What they
/// gave before may stay.
/// </summary>
internal sealed record ConsentLimits(IReadOnlyList<string>? Models, Budget Budget, int? RequestsPerMinute, DateTime End)
{
    /// <param name="request">What was asked.</param>
    /// <param name="form">The answer.</param>
    /// <param name="complain">Takes what is wrong with it: the field, and what to change.</param>
    /// <returns>Null where there was something to complain of.</returns>
    public static ConsentLimits? Read(ConsentRequest request, ConsentForm form, Action<string, string> complain)
    {
        var right = true;
        var models = ReadModels(request, form, Complain);
        var budget = ReadBudget(request, form, Complain);
        var rate = ReadRate(request, form, Complain);
        var end = LifetimeChoice.Of(request).FirstOrDefault(choice => choice.Value == form.LifetimeDays)?.End;
        if (end is null)
        {
            Complain(nameof(form.LifetimeDays), request.Proposal?.Lifetime is { } proposed
                ? $"Choose how long the access lasts: at most the {LifetimeChoice.InWords(proposed)} that the app proposes."
                : "Choose how long the access lasts.");
        }

        return right ? new ConsentLimits(models, budget, rate, end!.Value) : null;

        void Complain(string field, string complaint)
        {
            right = false;
            complain(field, complaint);
        }
    }

    private static IReadOnlyList<string>? ReadModels(ConsentRequest request, ConsentForm form, Action<string, string> complain)
    {
        var chosen = form.ChosenModels;
        if (form.ModelChoice is not (ConsentForm.AnyModel or ConsentForm.SomeModels))
        {
            complain(nameof(form.ModelChoice), "Choose which models the app may use.");
        }
        else if (chosen is { Count: 0 })
        {
            complain(nameof(form.ModelChoice), request.Proposal?.Models is null ? "Choose at least one model, or allow all." : "Choose at least one model.");
        }
        else if (chosen is { Count: > GrantBounds.MostModels } || chosen?.All(GrantBounds.IsModel) == false)
        {
            complain(nameof(form.OtherModels), $"At most {GrantBounds.MostModels} models, each of at most {GrantBounds.LongestModel} letters, digits and signs.");
        }
        else if (request.Proposal?.Models is not null && chosen?.Except(ConsentForm.ModelsOffered(request)).Any() != false)
        {
            complain(nameof(form.ModelChoice), "The app proposes only the models that are listed. Choose among them.");
        }

        return chosen;
    }

    private static Budget ReadBudget(ConsentRequest request, ConsentForm form, Action<string, string> complain)
    {
        var earlier = request.Earlier is { } grant ? new Budget(grant.BudgetMicros, grant.BudgetPeriod) : (Budget?)null;
        var proposed = request.Proposal?.Budget;
        if (form.ChosenPeriod is not { } period)
        {
            complain(nameof(form.Budget), "Choose for how long the amount is given: a day, a month, or in all.");
            return default;
        }

        // Cents are for people; an app may have proposed, or have been given, an amount with more decimals.
        var text = form.Budget?.Trim();
        if (!Money.TryRead(text, out var micros))
        {
            micros = new[] { proposed, earlier }.FirstOrDefault(exact => exact is { } given && Money.Plain(given.Micros) == text)?.Micros ?? 0;
        }

        if (micros is <= 0 or > GrantBounds.MostBudgetMicros)
        {
            complain(nameof(form.Budget), string.Create(
                CultureInfo.InvariantCulture, $"Give an amount from 0.01 to {GrantBounds.MostBudgetMicros / Money.MicrosOfDollar:N0} dollars."));
            return default;
        }

        var budget = new Budget(micros, period);
        if (proposed is { } limit && budget != earlier && (micros > limit.Micros || Generosity(period) > Generosity(limit.Period)))
        {
            complain(nameof(form.Budget), $"The app proposes {Money.Words(limit)}. Give that, or less.");
        }

        return budget;
    }

    private static int? ReadRate(ConsentRequest request, ConsentForm form, Action<string, string> complain)
    {
        var text = form.Rate?.Trim();
        var proposed = request.Proposal?.RequestsPerMinute;
        if (string.IsNullOrEmpty(text) && proposed is null)
        {
            return null;
        }

        var most = proposed is { } limit ? Math.Max(limit, request.Earlier?.RequestsPerMinute ?? 0) : request.MostRequestsPerMinute;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var rate) || rate < 1 || rate > most)
        {
            complain(nameof(form.Rate), string.Create(
                CultureInfo.InvariantCulture,
                $"Give a whole number of calls from 1 to {most:N0}{(proposed is null ? ", or nothing for the broker's own limit" : ", which is what the app proposes")}."));
            return null;
        }

        return rate;
    }

    /// <summary>The same amount is more where it is given more often.</summary>
    private static int Generosity(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => 2,
        BudgetPeriod.Month => 1,
        _ => 0,
    };
}
