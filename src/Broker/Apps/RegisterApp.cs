using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Storage;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>Registers an app, or brings its registration up to date with the operator's configuration.</summary>
internal sealed class RegisterApp(
    IOpenIddictApplicationManager apps, BrokerDbContext db, AuditLog audit, Catalogue catalogue, TimeProvider time)
{
    private const int LeastSecretLength = 43;

    /// <exception cref="InvalidOperationException">The entry is not acceptable; the message says what to change.</exception>
    public async Task RunAsync(ConfiguredApp entry, CancellationToken cancellationToken)
    {
        Check(entry);
        var descriptor = Describe(entry);
        await db.InTransactionAsync(
            async () =>
            {
                var app = (App?)await apps.FindByClientIdAsync(entry.ClientId, cancellationToken);
                var action = app is null ? "app.registered" : "app.updated";
                app ??= new App { CreatedAt = time.GetUtcNow().UtcDateTime };
                app.HomepageUrl = entry.HomepageUrl;

                await apps.PopulateAsync(app, descriptor, cancellationToken);
                if (action == "app.registered")
                {
                    await apps.CreateAsync(app, entry.ClientSecret, cancellationToken);
                }
                else
                {
                    await apps.UpdateAsync(app, entry.ClientSecret, cancellationToken);
                }

                await audit.RecordAsync(
                    action, "system", $"app:{app.Id}", null,
                    new { client_id = entry.ClientId, redirect_uris = entry.RedirectUris, scopes = entry.Scopes }, cancellationToken);
            },
            cancellationToken);
    }

    private static OpenIddictApplicationDescriptor Describe(ConfiguredApp entry)
    {
        var descriptor = new OpenIddictApplicationDescriptor
        {
            ClientId = entry.ClientId,
            DisplayName = entry.Name,
            ClientType = entry.ClientSecret is null ? ClientTypes.Public : ClientTypes.Confidential,
            ConsentType = ConsentTypes.Explicit,
            ApplicationType = ApplicationTypes.Web,
            Permissions =
            {
                Permissions.Endpoints.Authorization,
                Permissions.Endpoints.Token,
                Permissions.Endpoints.Revocation,
                Permissions.GrantTypes.AuthorizationCode,
                Permissions.GrantTypes.RefreshToken,
                Permissions.ResponseTypes.Code,
            },
            Requirements = { Requirements.Features.ProofKeyForCodeExchange },
        };
        descriptor.RedirectUris.UnionWith(entry.RedirectUris.Select(uri => new Uri(uri)));
        descriptor.Permissions.UnionWith(entry.Scopes.Select(scope => Permissions.Prefixes.Scope + scope));
        return descriptor;
    }

    private void Check(ConfiguredApp entry)
    {
        Require(entry.ClientId.Length is > 0 and <= 100, "needs a ClientId of 1 to 100 characters");
        Require(entry.Name.Length is > 0 and <= 60, "needs a Name of 1 to 60 characters");
        Require(entry.RedirectUris.Count > 0, "needs at least one entry in RedirectUris");
        Require(
            entry.ClientSecret is null || entry.ClientSecret.Length >= LeastSecretLength,
            $"needs a ClientSecret of at least {LeastSecretLength} random characters: run 'openssl rand -base64 32'");
        foreach (var uri in entry.RedirectUris)
        {
            Require(IsSafe(uri) && !uri.Contains('#', StringComparison.Ordinal), $"has a redirect URI that is neither https nor http on loopback: {uri}");
        }

        Require(entry.HomepageUrl is null || IsSafe(entry.HomepageUrl), $"has a HomepageUrl that is neither https nor http on loopback: {entry.HomepageUrl}");
        foreach (var scope in entry.Scopes)
        {
            Require(catalogue.AllScopes.Contains(scope), $"asks for a scope that no upstream offers: {scope}. Known: {string.Join(' ', catalogue.AllScopes)}");
        }

        void Require(bool condition, string complaint)
        {
            if (!condition)
            {
                throw new InvalidOperationException($"Apps: '{entry.ClientId}' {complaint}.");
            }
        }
    }

    private static bool IsSafe(string uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var parsed)
        && (parsed.Scheme == Uri.UriSchemeHttps || (parsed.Scheme == Uri.UriSchemeHttp && parsed.IsLoopback));
}
