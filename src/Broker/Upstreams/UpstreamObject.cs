using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Upstreams;

/// <summary>
/// That an object at a provider (a file, a stored response, a vector store, ...) was made under a grant, and so belongs
/// to that grant's user and app. It outlives the grant, since the user may allow the app again, and goes with the user,
/// the app, or the object itself. What the object holds is not known here.
/// </summary>
internal sealed class UpstreamObject
{
    public const int LongestId = 200;

    public required string UpstreamId { get; set; }

    /// <summary>As the provider wrote it.</summary>
    public required string ObjectId { get; set; }

    /// <summary>As the catalogue names it, such as <c>vector_store</c>.</summary>
    public required string Kind { get; set; }

    public Guid UserId { get; set; }

    public Guid AppId { get; set; }

    public DateTime CreatedAt { get; set; }

    public static void Map(ModelBuilder builder) => builder.Entity<UpstreamObject>(one =>
    {
        one.ToTable("upstream_objects");
        one.HasKey(o => new { o.UpstreamId, o.ObjectId });
        one.HasIndex(o => o.UserId);
        one.HasIndex(o => o.AppId);
        one.Property(o => o.UpstreamId).HasMaxLength(32);
        one.Property(o => o.ObjectId).HasMaxLength(LongestId);
        one.Property(o => o.Kind).HasMaxLength(32);
    });
}
