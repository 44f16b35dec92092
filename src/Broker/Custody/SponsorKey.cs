using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Custody;

/// <summary>
/// An upstream key that an app's owner or the operator put up, for calls that users' credit pays for. It stands apart from
/// the keys of users, so that no list of theirs ever offers it, and is sealed to its sponsor: moved to another, it does not open.
/// </summary>
internal sealed class SponsorKey
{
    public Guid Id { get; set; }

    /// <summary>The app's id, or the operator's.</summary>
    public Guid SponsorId { get; set; }

    public required string UpstreamId { get; set; }

    /// <summary>The last four characters; all that is ever shown, and to the sponsor alone.</summary>
    public required string LastFour { get; set; }

    /// <summary>The sealed key: see <see cref="EnvelopeFormat"/> for the layout.</summary>
    public required byte[] Envelope { get; set; }

    /// <summary>The KEK version that wraps the envelope's DEK; the envelope itself is what counts.</summary>
    public required string KekId { get; set; }

    public KeyStatus Status { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime? LastUsedAt { get; set; }

    public static void Map(ModelBuilder builder) => builder.Entity<SponsorKey>(key =>
    {
        key.ToTable("sponsor_keys");
        key.HasIndex(k => new { k.SponsorId, k.UpstreamId }).IsUnique();
        key.HasIndex(k => new { k.KekId, k.Id });
        key.Property(k => k.UpstreamId).HasMaxLength(32);
        key.Property(k => k.LastFour).HasMaxLength(4);
    });
}
