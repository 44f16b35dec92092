namespace TokenBroker.Safety;

/// <summary>A flag of the provider's moderation, held against the person and the app whose call it was. Never the content.</summary>
internal sealed class Strike
{
    public Guid Id { get; set; }

    public DateTime At { get; set; }

    public Guid UserId { get; set; }

    /// <summary>Null once the app is gone.</summary>
    public Guid? AppId { get; set; }

    /// <summary>As the provider names them, separated by commas.</summary>
    public required string Categories { get; set; }

    /// <summary>What it counts against the person at first, in thousandths of a point.</summary>
    public long UserWeight { get; set; }

    /// <summary>What it counts against the app at first: what the person's share of the day still allowed.</summary>
    public long AppWeight { get; set; }
}
