namespace TokenBroker.Grants;

/// <summary>The time for which a budget is given; then it begins anew.</summary>
internal enum BudgetPeriod
{
    /// <summary>A calendar month in UTC.</summary>
    Month,

    /// <summary>A day in UTC.</summary>
    Day,

    /// <summary>The whole life of the grant.</summary>
    Total,
}
