using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Pages;

/// <summary>What is spent of a limit in the present period, as a line and a bar show it.</summary>
/// <param name="Micros">Spent.</param>
/// <param name="LimitMicros">The limit that holds; null where there is none, and no bar.</param>
/// <param name="Period">The limit's period.</param>
/// <param name="Id">What a field is described by.</param>
internal sealed record SpentOf(long Micros, long? LimitMicros, BudgetPeriod Period, string Id)
{
    /// <summary>Such as <c>$1.20 of $5.00 spent this month</c>.</summary>
    public string Words => LimitMicros is { } limit
        ? $"{Money.Words(Micros)} of {Money.Words(limit)} spent {Money.PresentWords(Period)}"
        : $"{Money.Words(Micros)} spent {Money.PresentWords(Period)}";

    /// <summary>Of the limit, at most all of it.</summary>
    public int Percent => PercentOf(Micros, LimitMicros ?? 0);

    public static int PercentOf(long micros, long limitMicros) => limitMicros <= 0 ? 100 : (int)Int128.Min(100, (Int128)micros * 100 / limitMicros);

    public static SpentOf Budget(Grant grant, IReadOnlyDictionary<BudgetPeriod, long> spent) =>
        new(spent[grant.BudgetPeriod], grant.BudgetMicros, grant.BudgetPeriod, "budget-spent");

    /// <summary>Under the lowest cap that anybody set.</summary>
    public static SpentOf Cap(BudgetPeriod period, IReadOnlyList<SpendCap> caps, IReadOnlyDictionary<BudgetPeriod, long> spent) =>
        new(spent[period], caps.Where(cap => cap.Period == period).Min(cap => (long?)cap.Micros), period, $"{period}-spent");
}
