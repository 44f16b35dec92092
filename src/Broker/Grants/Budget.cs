namespace TokenBroker.Grants;

/// <summary>An amount that may be spent in a period.</summary>
internal sealed record Budget(long Micros, BudgetPeriod Period);
