namespace TokenBroker.Upstreams;

/// <summary>A rate in micro-dollars for a million units, with other rates from a number of input tokens on.</summary>
internal sealed record Rate(long Base, IReadOnlyList<(long From, long Micros)> Tiers)
{
    public long At(long inputTokens)
    {
        var rate = Base;
        foreach (var (from, micros) in Tiers)
        {
            rate = inputTokens >= from ? micros : rate;
        }

        return rate;
    }

    /// <summary>The highest of all tiers.</summary>
    public long Most => Tiers.Count == 0 ? Base : Math.Max(Base, Tiers.Max(tier => tier.Micros));

    public bool Equals(Rate? other) => other is not null && Base == other.Base && Tiers.SequenceEqual(other.Tiers);

    public override int GetHashCode() => HashCode.Combine(Base, Tiers.Count);
}
