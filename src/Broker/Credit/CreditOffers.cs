using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;

namespace TokenBroker.Credit;

/// <summary>Credit that a user can pay an app's calls with.</summary>
/// <param name="SponsorId">See <see cref="Purse"/>.</param>
/// <param name="Sponsor">The sponsor's name.</param>
/// <param name="BalanceMicros">What is left of it.</param>
internal sealed record CreditOffer(Guid SponsorId, string Sponsor, long BalanceMicros);

/// <summary>Who has a key up for an app's calls: its owner, the operator, both or nobody.</summary>
internal static class CreditOffers
{
    public const string OperatorName = "this broker";

    public static async Task<IReadOnlyList<CreditOffer>> ForAsync(BrokerDbContext db, Guid userId, App app, string upstreamId, CancellationToken cancellationToken)
    {
        var sponsors = await db.SponsorKeys.Where(k => k.UpstreamId == upstreamId && (k.SponsorId == app.Id || k.SponsorId == Purse.Operator))
            .Select(k => k.SponsorId).ToListAsync(cancellationToken);
        List<CreditOffer> offers = [];
        foreach (var sponsorId in sponsors.OrderBy(id => id == Purse.Operator))
        {
            var accountId = CreditAccount.IdOf(sponsorId, userId);
            var balance = await db.CreditAccounts.Where(a => a.Id == accountId).Select(a => a.BalanceMicros).FirstOrDefaultAsync(cancellationToken);
            offers.Add(new CreditOffer(sponsorId, sponsorId == Purse.Operator ? OperatorName : app.DisplayName ?? app.ClientId ?? "", balance));
        }

        return offers;
    }
}
