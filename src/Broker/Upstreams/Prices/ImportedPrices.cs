using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Upstreams;

/// <summary>A price list that the operator imported; it takes the place of the embedded one of the same id.</summary>
internal sealed class ImportedPrices
{
    /// <summary>Such as <c>openai</c>.</summary>
    public required string Id { get; set; }

    /// <summary>The date of the list, as <c>yyyy-MM-dd</c>.</summary>
    public required string AsOf { get; set; }

    public required string Source { get; set; }

    public DateTime ImportedAt { get; set; }

    /// <summary>The list, of the shape of the embedded ones.</summary>
    public required string Json { get; set; }

    public static void Map(ModelBuilder builder) => builder.Entity<ImportedPrices>(prices =>
    {
        prices.ToTable("price_lists");
        prices.HasKey(p => p.Id);
        prices.Property(p => p.Id).HasMaxLength(100);
        prices.Property(p => p.AsOf).HasMaxLength(10);
        prices.Property(p => p.Source).HasMaxLength(300);
    });
}
