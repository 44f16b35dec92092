using System.Linq.Expressions;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>
/// A suspension or a ban, of a person or of an app: exactly one of the two. It ends no grant: while it is in force no
/// call is made and no token given under the grants that it touches, and once it is over or lifted they work again.
/// </summary>
internal sealed class Sanction
{
    public const int LongestReason = 500;

    public Guid Id { get; set; }

    public Guid? UserId { get; set; }

    public Guid? AppId { get; set; }

    public SanctionKind Kind { get; set; }

    public DateTime From { get; set; }

    /// <summary>Null for one that lasts until it is lifted.</summary>
    public DateTime? Until { get; set; }

    /// <summary>For the person to read; plain text.</summary>
    public required string Reason { get; set; }

    /// <summary><c>system</c> for a threshold, otherwise who did it.</summary>
    public required string By { get; set; }

    public DateTime? LiftedAt { get; set; }

    public string? LiftedBy { get; set; }

    public static Expression<Func<Sanction, bool>> InForceAt(DateTime now) => s => s.LiftedAt == null && (s.Until == null || s.Until > now);

    /// <summary>The person's own, not those of their apps.</summary>
    public static IQueryable<Sanction> OfUser(BrokerDbContext db, Guid userId, DateTime now) => db.Sanctions.Where(InForceAt(now)).Where(s => s.UserId == userId);

    /// <summary>The grants whose calls a sanction in force stops.</summary>
    public static IQueryable<Guid> GrantsUnderOne(BrokerDbContext db, IReadOnlyCollection<Guid> grantIds, DateTime now)
    {
        var inForce = db.Set<Sanction>().Where(InForceAt(now));
        return db.Grants.Where(g => grantIds.Contains(g.Id) && inForce.Any(s => s.UserId == g.UserId || (s.AppId != null && s.AppId == g.ApplicationId))).Select(g => g.Id);
    }
}

internal enum SanctionKind
{
    /// <summary>For a time.</summary>
    Suspended,

    /// <summary>Until it is lifted.</summary>
    Banned,
}
