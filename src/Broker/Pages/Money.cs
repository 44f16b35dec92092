using System.Globalization;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Pages;

/// <summary>Micro-dollars as people read and write them.</summary>
internal static class Money
{
    public const long MicrosOfDollar = 1_000_000;
    private const long MicrosOfCent = 10_000;

    /// <summary>Cents where there are any; below a cent, as many digits as it takes to not say zero.</summary>
    public static string Words(long micros) =>
        micros == 0 || micros >= MicrosOfCent
            ? string.Create(CultureInfo.InvariantCulture, $"${micros / (decimal)MicrosOfDollar:#,##0.00}")
            : string.Create(CultureInfo.InvariantCulture, $"${micros / (decimal)MicrosOfDollar:0.00####}");

    /// <summary>What is left of something: never more than there is, and not below zero.</summary>
    public static string Left(long micros) => Words(micros < MicrosOfCent ? Math.Max(0, micros) : micros / MicrosOfCent * MicrosOfCent);

    /// <summary>An amount of whole dollars and cents, without a sign.</summary>
    public static bool TryRead(string? dollars, out long micros)
    {
        micros = 0;
        if (!decimal.TryParse(dollars?.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
            || amount is < 0 or > 1_000_000m
            || decimal.Round(amount, 2) != amount)
        {
            return false;
        }

        micros = (long)(amount * MicrosOfDollar);
        return true;
    }

    /// <summary>As an input field shows it.</summary>
    public static string Plain(long micros) => (micros / (decimal)MicrosOfDollar).ToString("0.######", CultureInfo.InvariantCulture);

    /// <summary>A budget, with its period.</summary>
    public static string Words(Budget budget) => $"{Words(budget.Micros)} {Words(budget.Period)}";

    /// <summary>The period that runs now.</summary>
    public static string PresentWords(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => "today",
        BudgetPeriod.Month => "this month",
        _ => "in all",
    };

    public static string Words(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => "a day",
        BudgetPeriod.Month => "a month",
        _ => "in all",
    };
}
