using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Operations;
using TokenBroker.Storage;

namespace TokenBroker.Authorization.Details;

/// <summary>Finds out what a grant gives now.</summary>
internal sealed class TellGranted(
    BrokerDbContext db, BudgetState budgets, IOptions<BrokerOptions> broker, IOptions<GrantBounds> bounds, TimeProvider time)
{
    /// <returns>Null where there is no such grant.</returns>
    public async Task<GrantedAccess?> FindAsync(Guid grantId, CancellationToken cancellationToken)
    {
        if (await ReadAsync(grantId, cancellationToken) is not { } grant)
        {
            return null;
        }

        var granted = await OfAsync(grant, cancellationToken);
        for (var above = grant.ParentId; above is { } id;)
        {
            if (await ReadAsync(id, cancellationToken) is not { } parent)
            {
                return granted with { HasEnded = true };
            }

            granted = Shrink(granted, await OfAsync(parent, cancellationToken));
            above = parent.ParentId;
        }

        return granted;
    }

    private async Task<GrantedAccess> OfAsync(Grant grant, CancellationToken cancellationToken)
    {
        var left = grant.ExpiresAt - time.GetUtcNow().UtcDateTime;
        return new GrantedAccess(
            grant,
            IssuedIdentity.AudienceOf(broker.Value, grant.UpstreamId),
            grant.ScopeList(),
            grant.Models,
            await budgets.OfAsync(grant, cancellationToken),
            Math.Min(grant.RequestsPerMinute ?? int.MaxValue, bounds.Value.RequestsPerMinute),
            grant.ExpiresAt,
            left > TimeSpan.Zero ? left : TimeSpan.Zero,
            grant.PausedAt is not null,
            grant.Status != OpenIddictConstants.Statuses.Valid || left <= TimeSpan.Zero)
        {
            SponsorId = grant.SponsorId,
        };
    }

    private static GrantedAccess Shrink(GrantedAccess child, GrantedAccess above) => child with
    {
        Scopes = [.. child.Scopes.Intersect(above.Scopes)],
        Models = child.Models is null ? above.Models : above.Models is null ? child.Models : [.. child.Models.Intersect(above.Models)],
        Budget = above.Budget.RemainingMicros < child.Budget.RemainingMicros ? above.Budget : child.Budget,
        RequestsPerMinute = Math.Min(child.RequestsPerMinute, above.RequestsPerMinute),
        ExpiresAt = child.ExpiresAt < above.ExpiresAt ? child.ExpiresAt : above.ExpiresAt,
        Left = child.Left < above.Left ? child.Left : above.Left,
        IsPaused = child.IsPaused || above.IsPaused,
        HasEnded = child.HasEnded || above.HasEnded,
        SponsorId = above.SponsorId,
    };

    /// <summary>Where a token was read before, its grant and app were read with it.</summary>
    private async Task<Grant?> ReadAsync(Guid grantId, CancellationToken cancellationToken)
    {
        if (await db.Grants.FindAsync([grantId], cancellationToken) is not { } grant)
        {
            return null;
        }

        if (grant.Application is null)
        {
            await db.Entry(grant).Reference(g => g.Application).LoadAsync(cancellationToken);
        }

        return grant;
    }
}
