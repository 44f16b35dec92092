using System.Globalization;
using TokenBroker.Grants;

namespace TokenBroker.Pages.Consent;

/// <summary>One of the ends that a person may choose for an access.</summary>
/// <param name="Value">As the form posts it.</param>
/// <param name="Words">As the person reads it.</param>
/// <param name="End">The end itself.</param>
internal sealed record LifetimeChoice(string Value, string Words, DateTime End)
{
    public const string Keep = "keep";
    public const string Proposed = "proposed";
    public const string Usual = "30";

    private static readonly int[] s_days = [1, 30, 90];

    /// <summary>What is offered: the usual ends, none later than the app proposes, its proposal, and the end that is set already.</summary>
    public static IReadOnlyList<LifetimeChoice> Of(ConsentRequest request) =>
        Of(request.Earlier, request.Proposal?.Lifetime, request.Now);

    private static List<LifetimeChoice> Of(Grant? earlier, TimeSpan? proposed, DateTime now)
    {
        var choices = s_days
            .Where(days => proposed is null || TimeSpan.FromDays(days) < proposed)
            .Select(days => new LifetimeChoice(
                days.ToString(CultureInfo.InvariantCulture), days == 1 ? "Tomorrow (1 day)" : $"{days} days from now", now.AddDays(days)))
            .ToList();
        if (proposed is { } lifetime)
        {
            choices.Add(new LifetimeChoice(Proposed, $"{InWords(lifetime)} (proposed)", now + lifetime));
        }

        if (earlier is not null)
        {
            choices.Add(new LifetimeChoice(Keep, $"{earlier.ExpiresAt.ToString("d MMMM yyyy", CultureInfo.InvariantCulture)} (as it is)", earlier.ExpiresAt));
        }

        return choices;
    }

    /// <summary>A length of time in the largest unit that says it whole.</summary>
    public static string InWords(TimeSpan time) =>
        time.Ticks % TimeSpan.TicksPerDay == 0 ? Counted((long)time.TotalDays, "day")
        : time.Ticks % TimeSpan.TicksPerHour == 0 ? Counted((long)time.TotalHours, "hour")
        : Counted((long)Math.Floor(time.TotalMinutes), "minute");

    private static string Counted(long count, string unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {unit}{(count == 1 ? "" : "s")}");
}
