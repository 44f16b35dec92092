using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Review;
using TokenBroker.Authorization.Details;
using TokenBroker.Credit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Safety;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Consent;

/// <summary>Makes, of what an app sent, what a person is asked.</summary>
internal sealed class PrepareConsent(
    BrokerDbContext db, Catalogue catalogue, ModelAccessReader reader, TesterLimit testers, IOptions<GrantBounds> bounds, TimeProvider time)
{
    /// <summary>What to tell an app whose scopes name no provider, or several.</summary>
    public const string ScopeComplaint = "Ask for at least one scope of exactly one provider, such as 'openai:chat'.";

    /// <summary>Whether a person can be asked for these scopes; if not, see <see cref="ScopeComplaint"/>.</summary>
    public bool CanAsk(IEnumerable<string> scopes) => catalogue.OfScopes(scopes) is not null;

    /// <exception cref="InvalidOperationException">The scopes or details cannot be asked for, or nobody is signed in.</exception>
    public async Task<ConsentRequest> RunAsync(AppAsk ask, HttpContext context)
    {
        var session = context.CurrentSession() ?? throw new InvalidOperationException("Nobody is signed in to be asked.");
        var upstream = catalogue.OfScopes(ask.Scopes) ?? throw new InvalidOperationException(ScopeComplaint);
        var userId = context.UserId();
        var app = await db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == ask.ClientId, context.RequestAborted);
        var now = time.GetUtcNow().UtcDateTime;
        var earlier = await db.Grants.AsNoTracking().FirstOrDefaultAsync(
            g => g.UserId == userId && g.ApplicationId == app.Id && g.UpstreamId == upstream.Id && g.ParentId == null
                && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now,
            context.RequestAborted);
        var capabilities = CapabilitiesOf(upstream, ask.Scopes, app);
        var proposal = Read(ask);
        return new ConsentRequest
        {
            UserId = userId,
            Session = session,
            Email = session.Email ?? "",
            App = app,
            Upstream = upstream,
            Scopes = ask.Scopes,
            Capabilities = capabilities,
            Proposal = proposal,
            ReturnsTo = ask.ReturnsTo,
            Keys = await KeysAsync(userId, upstream.Id, context.RequestAborted),
            Credit = await CreditOffers.ForAsync(db, userId, app, upstream.Id, context.RequestAborted),
            Earlier = earlier,

            // What is paused or has no key that is stored has to be looked at as a whole.
            Difference = earlier is { PausedAt: null } and ({ UpstreamKeyId: not null } or { SponsorId: not null }) && !ask.Anew
                ? ConsentDifference.Of(earlier, capabilities, ask.Scopes, proposal, now)
                : null,
            MostRequestsPerMinute = bounds.Value.RequestsPerMinute,
            Now = now,
            TesterLimit = testers.Limit,
            IsSuspended = await Sanction.OfUser(db, userId, now).AnyAsync(context.RequestAborted),
            FullWords = await testers.HasRoomAsync(app.Id, userId, context.RequestAborted) ? null : testers.Words,
        };
    }

    /// <summary>A grant as its user may change it: what it allows is what is asked, and nobody proposes anything.</summary>
    /// <returns>Null where the person has no such live grant.</returns>
    public async Task<ConsentRequest?> ForGrantAsync(Guid grantId, HttpContext context)
    {
        var session = context.CurrentSession() ?? throw new InvalidOperationException("Nobody is signed in to change it.");
        var (userId, now) = (session.UserId, time.GetUtcNow().UtcDateTime);
        var grant = await db.Grants.AsNoTracking().FirstOrDefaultAsync(
            g => g.Id == grantId && g.UserId == userId && g.ParentId == null && g.Status == OpenIddictConstants.Statuses.Valid && g.ExpiresAt > now,
            context.RequestAborted);
        if (grant is null || catalogue.Find(grant.UpstreamId) is not { } upstream)
        {
            return null;
        }

        var app = await db.Apps.AsNoTracking().SingleAsync(a => a.Id == grant.ApplicationId, context.RequestAborted);
        return new ConsentRequest
        {
            UserId = userId,
            Session = session,
            Email = session.Email,
            App = app,
            Upstream = upstream,
            Scopes = grant.ScopeList(),
            Capabilities = CapabilitiesOf(upstream, grant.ScopeList(), app),
            Proposal = null,
            ReturnsTo = null,
            Keys = await KeysAsync(userId, upstream.Id, context.RequestAborted),
            Credit = await CreditOffers.ForAsync(db, userId, app, upstream.Id, context.RequestAborted),
            Earlier = grant,
            KeepsCarriedKey = grant.CarriesKey,
            Difference = null,
            MostRequestsPerMinute = bounds.Value.RequestsPerMinute,
            Now = now,
            TesterLimit = testers.Limit,
            FullWords = null,
        };
    }

    private static List<AskedCapability> CapabilitiesOf(Upstream upstream, IReadOnlyList<string> scopes, App app) =>
    [
        .. upstream.Capabilities.Where(c => scopes.Contains(c.Scope)).Select(c => new AskedCapability(c, app.OptionalScopes.Contains(c.Scope))),
    ];

    private Task<List<UpstreamKey>> KeysAsync(Guid userId, string upstreamId, CancellationToken cancellationToken) =>
        db.UpstreamKeys.AsNoTracking()
            .Where(k => k.UserId == userId && k.UpstreamId == upstreamId)
            .OrderBy(k => k.CreatedAt)
            .ToListAsync(cancellationToken);

    private ModelAccess? Read(AppAsk ask)
    {
        if (ask.Details is null)
        {
            return null;
        }

        var (proposal, complaint) = reader.Read(ask.Details, ask.Scopes);
        return proposal ?? throw new InvalidOperationException($"The authorization details were to be refused before: {complaint}");
    }
}
