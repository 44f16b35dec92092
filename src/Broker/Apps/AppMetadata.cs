using System.Text.Json;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>What OpenIddict keeps of an app as JSON in text columns, read without loading the app again.</summary>
internal static class AppMetadata
{
    public static IReadOnlyList<string> RedirectAddresses(this App app) => Read(app.RedirectUris);

    public static IReadOnlyList<string> ScopeNames(this App app) => WithPrefix(app, Permissions.Prefixes.Scope);

    public static IReadOnlyList<string> GrantTypeNames(this App app) => WithPrefix(app, Permissions.Prefixes.GrantType);

    public static bool RequiresPushedRequests(this App app) => Read(app.Requirements).Contains(Requirements.Features.PushedAuthorizationRequests);

    /// <summary>The app as it could be registered again; without its secret, which nobody can read.</summary>
    public static AppRegistration ToRegistration(this App app) => new()
    {
        ClientId = app.ClientId ?? "",
        Jwks = app.JsonWebKeySet,
        Name = app.DisplayName ?? "",
        HomepageUrl = app.HomepageUrl,
        ApplicationType = app.ApplicationType ?? ApplicationTypes.Web,
        GrantTypes = [.. app.GrantTypeNames()],
        RedirectUris = [.. app.RedirectAddresses()],
        Scopes = [.. app.ScopeNames()],
        OptionalScopes = [.. app.OptionalScopes],
        RequirePushedAuthorizationRequests = app.RequiresPushedRequests(),
        DpopBoundAccessTokens = app.DpopBoundAccessTokens,
    };

    private static List<string> WithPrefix(App app, string prefix) =>
        [.. Read(app.Permissions).Where(p => p.StartsWith(prefix, StringComparison.Ordinal)).Select(p => p[prefix.Length..])];

    private static string[] Read(string? json) => string.IsNullOrEmpty(json) ? [] : JsonSerializer.Deserialize<string[]>(json) ?? [];
}
