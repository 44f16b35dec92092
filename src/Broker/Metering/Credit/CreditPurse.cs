using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>What pays for a grant's calls where the user's own key does not.</summary>
/// <param name="SponsorId">See <see cref="Purse"/>.</param>
/// <param name="KeyId">The key that the sponsor put up; null where there is none any more.</param>
/// <param name="Account">The user's credit with the sponsor.</param>
/// <param name="Limit">All that ever came in.</param>
internal sealed record CreditPurse(Guid SponsorId, Guid? KeyId, AccountId Account, CreditLimit Limit);

/// <summary>Finds the purse of a grant that pays by credit.</summary>
internal sealed class ReadPurse(BrokerDbContext db, CreditLimits limits, TimeProvider time)
{
    /// <returns>Null where the user's own key pays.</returns>
    public async Task<CreditPurse?> OfAsync(Grant grant, CancellationToken cancellationToken)
    {
        if (grant.SponsorId is not { } sponsorId || !Purse.MayPay(sponsorId, grant.ApplicationId))
        {
            return null;
        }

        var account = new AccountId(AccountKind.Credit, CreditAccount.IdOf(sponsorId, grant.UserId));
        var keyId = await db.SponsorKeys.Where(k => k.SponsorId == sponsorId && k.UpstreamId == grant.UpstreamId).Select(k => (Guid?)k.Id).FirstOrDefaultAsync(cancellationToken);
        if (!await db.CreditAccounts.AnyAsync(a => a.Id == account.Id, cancellationToken))
        {
            await CreditPosts.OpenAsync(db, sponsorId, grant.UserId, time.GetUtcNow().UtcDateTime, cancellationToken);
        }

        return new CreditPurse(sponsorId, keyId, account, await limits.OfAsync(account.Id, cancellationToken));
    }
}
