using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Metering;

/// <summary>
/// What an account has spent in one day, one month, or in all, and what nodes have leased of it; kept by single
/// statements. Spent and leased together never pass the account's cap by a lease.
/// </summary>
internal sealed class Spend
{
    public AccountKind Kind { get; set; }

    /// <summary>The grant, app or user.</summary>
    public Guid OwnerId { get; set; }

    /// <summary>The day as <c>yyyyMMdd</c>, the month as <c>yyyyMM</c> (both UTC), or 0 for all of its life.</summary>
    public int Period { get; set; }

    public long CostMicros { get; set; }

    public long Calls { get; set; }

    /// <summary>The sum of the leases; counts as spent until it is given back.</summary>
    public long LeasedMicros { get; set; }

    public static void Map(ModelBuilder builder)
    {
        builder.Entity<Spend>(spend =>
        {
            spend.ToTable("spend");
            spend.HasKey(s => new { s.Kind, s.OwnerId, s.Period });
            spend.HasIndex(s => s.Period);
        });
        builder.Entity<SpendCap>(cap =>
        {
            cap.ToTable("spend_caps");
            cap.HasKey(c => new { c.Kind, c.OwnerId, c.Period, c.SetBy });
            cap.Property(c => c.Period).HasConversion<string>().HasMaxLength(8);
            cap.Property(c => c.SetBy).HasConversion<string>().HasMaxLength(8);
        });
        builder.Entity<SpendNode>().ToTable("spend_nodes");
        builder.Entity<SpendLease>(lease =>
        {
            lease.ToTable("spend_leases");
            lease.HasKey(l => new { l.NodeId, l.Kind, l.OwnerId, l.Period });
            lease.HasOne<SpendNode>().WithMany().HasForeignKey(l => l.NodeId).OnDelete(DeleteBehavior.Restrict);
        });
    }
}
