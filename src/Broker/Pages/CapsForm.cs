using Microsoft.AspNetCore.Mvc.ModelBinding;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Pages;

/// <summary>The caps of an account as its owner writes them: dollars, or nothing for no cap.</summary>
internal sealed class CapsForm
{
    private const string Complaint = "Write dollars and cents, such as 25.00, or nothing for no limit.";

    public string? Day { get; set; }

    public string? Month { get; set; }

    public string? Total { get; set; }

    /// <summary>What the operator has set; it holds beside these.</summary>
    public IReadOnlyList<Budget> OfOperator { get; private set; } = [];

    /// <summary>What is spent under the caps that hold now, by period.</summary>
    [BindNever]
    public IReadOnlyDictionary<BudgetPeriod, SpentOf> Spent { get; private set; } = new Dictionary<BudgetPeriod, SpentOf>();

    public static CapsForm Of(IReadOnlyList<SpendCap> caps, IReadOnlyDictionary<BudgetPeriod, long> spent)
    {
        return new CapsForm { Day = Own(BudgetPeriod.Day), Month = Own(BudgetPeriod.Month), Total = Own(BudgetPeriod.Total) }.Beside(caps, spent);

        string? Own(BudgetPeriod period) => caps.FirstOrDefault(c => c.SetBy == CapSetter.Owner && c.Period == period) is { } cap ? Money.Plain(cap.Micros) : null;
    }

    /// <summary>The form as it was typed, with what the operator has set and what is spent.</summary>
    public CapsForm Beside(IReadOnlyList<SpendCap> caps, IReadOnlyDictionary<BudgetPeriod, long> spent)
    {
        Spent = spent.Keys.ToDictionary(period => period, period => SpentOf.Cap(period, caps, spent));
        OfOperator = [.. caps.Where(c => c.SetBy == CapSetter.Operator).OrderBy(c => c.Period).Select(c => new Budget(c.Micros, c.Period))];
        return this;
    }

    /// <returns>Null where something is no amount; the complaint is then in the model state.</returns>
    public Dictionary<BudgetPeriod, long?>? Read(ModelStateDictionary complaints)
    {
        var caps = new Dictionary<BudgetPeriod, long?>();
        foreach (var (period, text) in (ReadOnlySpan<(BudgetPeriod, string?)>)[(BudgetPeriod.Day, Day), (BudgetPeriod.Month, Month), (BudgetPeriod.Total, Total)])
        {
            if (string.IsNullOrWhiteSpace(text))
            {
                caps[period] = null;
            }
            else if (Money.TryRead(text, out var micros))
            {
                caps[period] = micros;
            }
            else
            {
                complaints.AddModelError($"Caps.{period}", Complaint);
            }
        }

        return complaints.IsValid ? caps : null;
    }
}
