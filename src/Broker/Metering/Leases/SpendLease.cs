namespace TokenBroker.Metering;

/// <summary>What one node may spend of an account in one period without asking again.</summary>
internal sealed class SpendLease
{
    public Guid NodeId { get; set; }

    public AccountKind Kind { get; set; }

    public Guid OwnerId { get; set; }

    public int Period { get; set; }

    public long Micros { get; set; }
}

/// <summary>One run of the program, from its start to its end. The row is gone once all that it held is settled.</summary>
internal sealed class SpendNode
{
    public Guid Id { get; set; }

    /// <summary>For people: the machine's name.</summary>
    public required string Machine { get; set; }

    public DateTime StartedAt { get; set; }

    public DateTime SeenAt { get; set; }

    /// <summary>The number of the last flush that was committed; it tells which of the node's costs are in <see cref="Spend"/>.</summary>
    public long Flush { get; set; }
}
