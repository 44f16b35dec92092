using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Apps.Review;
using TokenBroker.Audit;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps.Owned;

/// <summary>
/// Changes an app in its owner's name. What <see cref="ReviewRules"/> names takes an approval back in the same
/// transaction: there is no moment at which an approved app bears a name that nobody looked at.
/// </summary>
internal sealed class ChangeApp(
    IOpenIddictApplicationManager apps, BrokerDbContext db, AuditLog audit, AppRules rules, ReviewApp review)
{
    /// <param name="ownerId">Who changes it.</param>
    /// <param name="clientId">Which app.</param>
    /// <param name="entry">The whole of it as it is to be. Its kind stays, and its way to authenticate; <see cref="AppRegistration.Jwks"/> may be replaced.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public async Task<AppAnswer> UpdateAsync(Guid ownerId, string clientId, AppRegistration entry, CancellationToken cancellationToken)
    {
        var answer = AppAnswer.NotFound;
        await db.InTransactionAsync(
            async () =>
            {
                if (await FindAsync(ownerId, clientId, cancellationToken) is not { } app)
                {
                    return;
                }

                var (kind, secret) = (app.Kind(), app.ClientSecret);
                kind.Apply(entry);
                (entry.ClientId, entry.ClientSecret) = (clientId, null);
                entry.Jwks ??= app.JsonWebKeySet;
                if (entry.Jwks is not null && secret is not null)
                {
                    answer = AppAnswer.Refused(new AppComplaint(nameof(entry.Jwks), "authenticates with a secret; register another app for Jwks"));
                    return;
                }

                if (OwnApps.Complaints(rules, kind, entry) is { Count: > 0 } complaints)
                {
                    answer = AppAnswer.Refused(complaints);
                    return;
                }

                var again = ReviewRules.NeedsReviewAgain(app, entry);
                await apps.PopulateAsync(app, RegisterApp.Describe(entry, app.ClientType == ClientTypes.Confidential), cancellationToken);
                (app.HomepageUrl, app.OptionalScopes, app.DpopBoundAccessTokens) = (entry.HomepageUrl, [.. entry.OptionalScopes], entry.DpopBoundAccessTokens);
                app.ClientSecret = secret;
                await apps.UpdateAsync(app, cancellationToken);
                await audit.RecordAsync(
                    "app.updated", $"user:{ownerId}", $"app:{app.Id}", ownerId,
                    new { client_id = clientId, redirect_uris = entry.RedirectUris, scopes = entry.Scopes }, cancellationToken);
                if (again)
                {
                    await review.ResetAsync(app.Id, $"user:{ownerId}", cancellationToken);
                }

                answer = new AppAnswer(await db.Apps.AsNoTracking().SingleAsync(a => a.Id == app.Id, cancellationToken), null, []);
            },
            cancellationToken);
        return answer;
    }

    /// <summary>Gives the app another secret; the old one is refused from the commit on.</summary>
    public async Task<AppAnswer> NewSecretAsync(Guid ownerId, string clientId, CancellationToken cancellationToken)
    {
        var answer = AppAnswer.NotFound;
        await db.InTransactionAsync(
            async () =>
            {
                if (await FindAsync(ownerId, clientId, cancellationToken) is not { } app)
                {
                    return;
                }

                if (app.ClientSecret is null)
                {
                    answer = AppAnswer.Refused(new AppComplaint(nameof(AppRegistration.ClientSecret), "has no secret to replace: it proves itself otherwise, or not at all"));
                    return;
                }

                var secret = OwnApps.NewSecret();
                await apps.UpdateAsync(app, secret, cancellationToken);
                await audit.RecordAsync("app.secret_replaced", $"user:{ownerId}", $"app:{app.Id}", ownerId, new { client_id = clientId }, cancellationToken);
                answer = new AppAnswer(app, secret, []);
            },
            cancellationToken);
        return answer;
    }

    private Task<App?> FindAsync(Guid ownerId, string clientId, CancellationToken cancellationToken) =>
        db.Apps.FirstOrDefaultAsync(a => a.OwnerId == ownerId && a.ClientId == clientId, cancellationToken);
}
