namespace TokenBroker.Metering;

/// <summary>What a grant has spent in one calendar month (UTC); kept by single-statement upserts.</summary>
internal sealed class Spend
{
    public Guid GrantId { get; set; }

    /// <summary>The month as <c>yyyyMM</c>, such as 202611.</summary>
    public int Month { get; set; }

    public long CostMicros { get; set; }

    public long Calls { get; set; }
}
