using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Apps;

namespace TokenBroker.Safety;

internal static class SafetyTables
{
    public static void Map(ModelBuilder builder)
    {
        builder.Entity<Strike>(strike =>
        {
            strike.ToTable("strikes");
            strike.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
            strike.HasOne<App>().WithMany().HasForeignKey(s => s.AppId).OnDelete(DeleteBehavior.SetNull);
            strike.HasIndex(s => new { s.UserId, s.At });
            strike.HasIndex(s => new { s.AppId, s.At });
            strike.Property(s => s.Categories).HasMaxLength(400);
        });
        builder.Entity<Sanction>(sanction =>
        {
            sanction.ToTable("sanctions", table => table.HasCheckConstraint("CK_sanctions_one_subject", "(\"UserId\" IS NULL) <> (\"AppId\" IS NULL)"));
            sanction.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
            sanction.HasOne<App>().WithMany().HasForeignKey(s => s.AppId).OnDelete(DeleteBehavior.Cascade);
            sanction.Property(s => s.Kind).HasConversion<string>().HasMaxLength(12);
            sanction.Property(s => s.Reason).HasMaxLength(Sanction.LongestReason);
            sanction.Property(s => s.By).HasMaxLength(60);
            sanction.Property(s => s.LiftedBy).HasMaxLength(60);
        });
        builder.Entity<Appeal>(appeal =>
        {
            appeal.ToTable("appeals");
            appeal.HasOne(a => a.Sanction).WithMany().HasForeignKey(a => a.SanctionId).OnDelete(DeleteBehavior.Cascade);
            appeal.HasOne<User>().WithMany().HasForeignKey(a => a.UserId).OnDelete(DeleteBehavior.Cascade);
            appeal.HasIndex(a => a.SanctionId).IsUnique();
            appeal.Property(a => a.Text).HasMaxLength(Appeal.LongestText);
            appeal.Property(a => a.Answer).HasMaxLength(1_000);
        });
    }
}
