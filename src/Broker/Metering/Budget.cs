using TokenBroker.Grants;

namespace TokenBroker.Metering;

/// <summary>A hard cap in micro-dollars, and for how long it is given.</summary>
internal readonly record struct Budget(long Micros, BudgetPeriod Period);

/// <summary>The day and the month, in UTC, that spending counts in: <c>yyyyMMdd</c> and <c>yyyyMM</c>, as in the spend table.</summary>
internal readonly record struct SpendPeriods(int Day, int Month)
{
    /// <summary>The period of what a grant spent in all.</summary>
    public const int Total = 0;

    public static SpendPeriods Of(DateTimeOffset at)
    {
        var utc = at.UtcDateTime;
        var month = (utc.Year * 100) + utc.Month;
        return new SpendPeriods((month * 100) + utc.Day, month);
    }

    /// <summary>The row of the spend table that a budget of this period is held against.</summary>
    public int Of(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => Day,
        BudgetPeriod.Month => Month,
        BudgetPeriod.Total => Total,
        _ => throw new ArgumentOutOfRangeException(nameof(period), period, "Not a period."),
    };

    /// <summary>When a budget of this period begins anew; null for one that is given once.</summary>
    public DateTimeOffset? ResetsAt(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => new DateTimeOffset(Month / 100, Month % 100, Day % 100, 0, 0, 0, TimeSpan.Zero).AddDays(1),
        BudgetPeriod.Month => new DateTimeOffset(Month / 100, Month % 100, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1),
        BudgetPeriod.Total => null,
        _ => throw new ArgumentOutOfRangeException(nameof(period), period, "Not a period."),
    };
}
