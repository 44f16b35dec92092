using TokenBroker.Grants;

namespace TokenBroker.Metering;

/// <summary>Who set a cap. Each has their own, and the lowest holds: nobody lifts another's.</summary>
internal enum CapSetter
{
    /// <summary>The user of a user's cap; the owner of an app's.</summary>
    Owner,
    Operator,
}

/// <summary>The most that an app, over all its users, or a user, over all their apps, may spend in a period. A grant's own budget is in its row.</summary>
internal sealed class SpendCap
{
    public AccountKind Kind { get; set; }

    public Guid OwnerId { get; set; }

    public BudgetPeriod Period { get; set; }

    public CapSetter SetBy { get; set; }

    public long Micros { get; set; }

    public DateTime At { get; set; }
}
