namespace TokenBroker.Metering;

/// <summary>What a grant has spent in one day, one month, or in all; kept by single-statement upserts.</summary>
internal sealed class Spend
{
    public Guid GrantId { get; set; }

    /// <summary>The day as <c>yyyyMMdd</c>, the month as <c>yyyyMM</c> (both UTC), or 0 for the whole life of the grant.</summary>
    public int Period { get; set; }

    public long CostMicros { get; set; }

    public long Calls { get; set; }
}
