using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// Takes back a key that a sponsor put up, and with its row its wrapped data key. Grants that pay by credit with that
/// sponsor stay, and so does the credit; every call under them is refused and their open streams end. Nothing is
/// called with another key in its place.
/// </summary>
internal sealed class WithdrawSponsorKey(BrokerDbContext db, AuditLog audit, OpenKeys openKeys, GrantChanges changes)
{
    /// <param name="sponsorId">See <see cref="Purse"/>.</param>
    /// <param name="upstreamId">For which provider.</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <returns>How many live grants lost their key; null where the sponsor has none.</returns>
    public async Task<int?> RunAsync(Guid sponsorId, string upstreamId, string actor, CancellationToken cancellationToken)
    {
        Guid? keyId = null;
        List<Guid> affected = [];
        await db.InTransactionAsync(
            async () =>
            {
                keyId = await db.SponsorKeys.Where(k => k.SponsorId == sponsorId && k.UpstreamId == upstreamId).Select(k => (Guid?)k.Id).FirstOrDefaultAsync(cancellationToken);
                if (keyId is null)
                {
                    return;
                }

                affected = await OnIt(db, sponsorId, upstreamId).Select(g => g.Id).ToListAsync(cancellationToken);
                await OnIt(db, sponsorId, upstreamId).ExecuteUpdateAsync(set => set.SetProperty(g => g.Revision, g => g.Revision + 1), cancellationToken);
                await db.SponsorKeys.Where(k => k.Id == keyId).ExecuteDeleteAsync(cancellationToken);
                await audit.RecordAsync(
                    "credit.key_withdrawn", actor, $"sponsor:{sponsorId}", null, new { upstream = upstreamId, key = keyId, grants = affected.Count }, cancellationToken);
            },
            cancellationToken);

        if (keyId is not { } withdrawn)
        {
            return null;
        }

        openKeys.Drop(withdrawn);
        foreach (var grantId in affected)
        {
            changes.Publish(new GrantChange(grantId, CutReason.SponsorKeyWithdrawn));
        }

        return affected.Count;
    }

    /// <summary>The live grants whose calls are made with the sponsor's key.</summary>
    public static IQueryable<Grant> OnIt(BrokerDbContext db, Guid sponsorId, string upstreamId) =>
        db.Grants.Where(g => g.SponsorId == sponsorId && g.UpstreamId == upstreamId && g.Status == OpenIddictConstants.Statuses.Valid);
}
