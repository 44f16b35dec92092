using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// The grants that were cut from one by token exchange, and from those. Live ones only: an app leaves a hundred rows a
/// minute behind if it likes, and ending a grant must not take the longer for them, or fail. What has ended or run out
/// has no token that works, and nothing live below it.
/// </summary>
internal static class Descent
{
    public static async Task<List<Guid>> LiveBelowAsync(BrokerDbContext db, Guid grantId, DateTime now, CancellationToken cancellationToken)
    {
        List<Guid> below = [];
        List<Guid> above = [grantId];
        while (above.Count > 0)
        {
            var parents = above;
            above = await db.Grants
                .Where(g => g.ParentId != null && parents.Contains(g.ParentId.Value) && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now)
                .Select(g => g.Id)
                .ToListAsync(cancellationToken);
            below.AddRange(above);
        }

        return below;
    }
}
