using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>Reads what the safety of a grant is: the person's pseudonym, who wants moderation, and the sanctions in force.</summary>
internal sealed class GrantSafety(BrokerDbContext db, SafetyIdentifiers identifiers, IOptions<SafetyOptions> safety, IOptions<ModerationOptions> moderation, TimeProvider time)
{
    public async Task<SafetyFacts> ReadAsync(Grant grant, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var byUser = await db.Users.AnyAsync(u => u.Id == grant.UserId && u.WantsModeration, cancellationToken);
        var app = await db.Apps.Where(a => a.Id == grant.ApplicationId).Select(a => new { a.ClientId, a.WantsModeration }).FirstOrDefaultAsync(cancellationToken);
        var sanctions = await db.Sanctions
            .Where(Sanction.InForceAt(now))
            .Where(s => s.UserId == grant.UserId || (s.AppId != null && s.AppId == grant.ApplicationId))
            .OrderBy(s => s.AppId != null)
            .Select(s => new SanctionInForce(s.AppId != null, s.Until))
            .ToListAsync(cancellationToken);
        var byApp = app is { WantsModeration: true } || (app?.ClientId is { } clientId && moderation.Value.Apps.Contains(clientId));
        return new SafetyFacts(
            await identifiers.OfAsync(grant.UserId, cancellationToken), safety.Value.Names(grant.UpstreamId), byUser || byApp, sanctions);
    }
}
