using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Credit;

/// <summary>
/// What a sponsor's payment provider, or own server, tops credit up with. Only the hash of the secret is kept; the key that
/// webhooks are signed with follows from the id: see <see cref="Custody.WebhookKeys"/>.
/// </summary>
internal sealed class CreditSecret
{
    public const int LongestName = 80;

    public Guid Id { get; set; }

    /// <summary>See <see cref="Grants.Purse"/>.</summary>
    public Guid SponsorId { get; set; }

    public required string Name { get; set; }

    /// <summary>SHA-256 of the secret, which is 256 random bits.</summary>
    public required byte[] Hash { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime? LastUsedAt { get; set; }

    /// <summary>From when it does not work any more. The row stays: transactions name it.</summary>
    public DateTime? RevokedAt { get; set; }

    public static void Map(ModelBuilder builder) => builder.Entity<CreditSecret>(secret =>
    {
        secret.ToTable("credit_secrets");
        secret.HasIndex(s => s.Hash).IsUnique();
        secret.HasIndex(s => s.SponsorId);
        secret.Property(s => s.Name).HasMaxLength(LongestName);
    });
}
