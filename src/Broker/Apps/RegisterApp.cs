using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using TokenBroker.Apps.Review;
using TokenBroker.Audit;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>Who vouches for a registration.</summary>
/// <param name="Source">Where it comes from.</param>
/// <param name="OwnerId">The user who answers for the app.</param>
/// <param name="ReviewStatus">Where a new app begins.</param>
/// <param name="Actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
internal sealed record AppStanding(AppSource Source, Guid? OwnerId, ReviewStatus ReviewStatus, string Actor)
{
    /// <summary>The operator wrote it into the configuration, and needs nobody's review.</summary>
    public static AppStanding Configured { get; } = new(AppSource.Configuration, null, ReviewStatus.Approved, "system");
}

/// <summary>
/// Registers an app, or brings its registration up to date. What the rules refuse changes nothing, and a change that
/// <see cref="ReviewRules"/> names takes an approval back in the same transaction.
/// </summary>
internal sealed class RegisterApp(
    IOpenIddictApplicationManager apps, BrokerDbContext db, AuditLog audit, AppRules rules, ReviewApp review, TimeProvider time)
{
    /// <exception cref="InvalidOperationException">The entry is not acceptable; the message says what to change.</exception>
    public async Task<App> RunAsync(AppRegistration entry, AppStanding standing, CancellationToken cancellationToken)
    {
        if (rules.Complaints(entry).FirstOrDefault() is { } complaint)
        {
            throw new InvalidOperationException($"Apps: '{entry.ClientId}' {complaint.Message}.");
        }

        var descriptor = Describe(entry);
        App app = null!;
        await db.InTransactionAsync(
            async () =>
            {
                var known = (App?)await apps.FindByClientIdAsync(entry.ClientId, cancellationToken);
                app = known ?? new App { CreatedAt = time.GetUtcNow().UtcDateTime, ReviewStatus = standing.ReviewStatus };
                (app.Source, app.OwnerId) = (standing.Source, standing.OwnerId);
                var again = known is not null && ReviewRules.NeedsReviewAgain(app, entry);
                if (standing.Source == AppSource.Configuration)
                {
                    // What the configuration vouches for is approved, also where a developer had registered it before.
                    app.ReviewStatus = standing.ReviewStatus;
                }

                (app.HomepageUrl, app.OptionalScopes, app.DpopBoundAccessTokens) = (entry.HomepageUrl, [.. entry.OptionalScopes], entry.DpopBoundAccessTokens);

                await apps.PopulateAsync(app, descriptor, cancellationToken);
                if (known is null)
                {
                    await apps.CreateAsync(app, entry.ClientSecret, cancellationToken);
                }
                else
                {
                    await apps.UpdateAsync(app, entry.ClientSecret, cancellationToken);
                }

                await audit.RecordAsync(
                    known is null ? "app.registered" : "app.updated", standing.Actor, $"app:{app.Id}", standing.OwnerId,
                    new { client_id = entry.ClientId, redirect_uris = entry.RedirectUris, scopes = entry.Scopes }, cancellationToken);
                if (again)
                {
                    await review.ResetAsync(app.Id, standing.Actor, cancellationToken);
                    await db.Entry(app).ReloadAsync(cancellationToken);
                }
            },
            cancellationToken);
        return app;
    }

    /// <param name="entry">The registration.</param>
    /// <param name="confidential">Of an app that is known, whether it has a secret, which a change of it does not repeat.</param>
    internal static OpenIddictApplicationDescriptor Describe(AppRegistration entry, bool confidential = false)
    {
        var descriptor = new OpenIddictApplicationDescriptor
        {
            ClientId = entry.ClientId,
            DisplayName = entry.Name,
            ClientType = entry.ClientSecret is null && entry.Jwks is null && !confidential ? ClientTypes.Public : ClientTypes.Confidential,
            ConsentType = ConsentTypes.Explicit,
            ApplicationType = entry.ApplicationType,
            JsonWebKeySet = entry.Jwks is null ? null : new JsonWebKeySet(entry.Jwks),
            Permissions = { Permissions.Endpoints.Token, Permissions.Endpoints.Revocation },
            Requirements = { Requirements.Features.ProofKeyForCodeExchange },
        };

        IList<string> types = entry.GrantTypes.Count > 0 ? entry.GrantTypes : [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken];
        descriptor.Permissions.UnionWith(types.Select(type => Permissions.Prefixes.GrantType + type));
        if (types.Contains(GrantTypes.AuthorizationCode))
        {
            descriptor.Permissions.UnionWith(
                [Permissions.Endpoints.Authorization, Permissions.Endpoints.PushedAuthorization, Permissions.ResponseTypes.Code]);
        }

        if (types.Contains(GrantTypes.DeviceCode))
        {
            descriptor.Permissions.Add(Permissions.Endpoints.DeviceAuthorization);
        }

        if (descriptor.ClientType == ClientTypes.Confidential)
        {
            descriptor.Permissions.Add(Permissions.Endpoints.Introspection);
        }

        if (entry.RequirePushedAuthorizationRequests)
        {
            descriptor.Requirements.Add(Requirements.Features.PushedAuthorizationRequests);
        }

        descriptor.RedirectUris.UnionWith(entry.RedirectUris.Select(uri => new Uri(uri)));
        descriptor.Permissions.UnionWith(entry.Scopes.Select(scope => Permissions.Prefixes.Scope + scope));
        return descriptor;
    }
}
