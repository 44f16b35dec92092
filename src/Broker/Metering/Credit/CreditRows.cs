using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Migrations;
using TokenBroker.Storage.PostgreSql;

namespace TokenBroker.Metering;

/// <summary>The tables of prepaid credit: accounts, transactions and their lines.</summary>
internal static class CreditRows
{
    public static void Map(ModelBuilder builder)
    {
        builder.Entity<CreditAccount>(account =>
        {
            account.ToTable("credit_accounts");
            account.Property(a => a.Kind).HasConversion<string>().HasMaxLength(8);
            account.HasIndex(a => new { a.SponsorId, a.UserId });
            account.HasIndex(a => a.UserId);
        });
        builder.Entity<CreditTransaction>(transaction =>
        {
            transaction.ToTable("credit_transactions");
            transaction.Property(t => t.Kind).HasConversion<string>().HasMaxLength(10);
            transaction.Property(t => t.Reference).HasMaxLength(CreditTransaction.LongestReference);
            transaction.Property(t => t.Actor).HasMaxLength(60);
            transaction.Property(t => t.Note).HasMaxLength(CreditTransaction.LongestNote);
            transaction.HasIndex(t => new { t.SponsorId, t.Reference }).IsUnique();
            transaction.HasIndex(t => t.RefundOf);
        });
        builder.Entity<CreditLine>(line =>
        {
            line.ToTable("credit_lines");
            line.HasKey(l => new { l.TransactionId, l.AccountId });
            line.HasIndex(l => l.AccountId);
            line.HasOne<CreditTransaction>().WithMany().HasForeignKey(l => l.TransactionId).OnDelete(DeleteBehavior.Restrict);
            line.HasOne<CreditAccount>().WithMany().HasForeignKey(l => l.AccountId).OnDelete(DeleteBehavior.Restrict);
        });
    }

    /// <summary>The database itself refuses to change or delete what was posted. Run by the migration, once the tables stand.</summary>
    public static void NeverChange(MigrationBuilder migration)
    {
        if (migration.IsNpgsql())
        {
            DatabaseRules.OnlyAddTo(migration, "credit_transactions", "credit_lines");
            return;
        }

        foreach (var table in (string[])["credit_transactions", "credit_lines"])
        {
            foreach (var change in (string[])["UPDATE", "DELETE"])
            {
                migration.Sql(
                    $"""
                     CREATE TRIGGER "{table}_no_{change.ToLowerInvariant()}" BEFORE {change} ON "{table}"
                     BEGIN SELECT RAISE(ABORT, 'What was posted stays: {table} is only added to.'); END;
                     """);
            }
        }
    }
}
