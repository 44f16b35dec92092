using System.Text.Json;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>What a registered app may do and where it is sent back to, read from its row.</summary>
internal sealed record AppDetails(
    string Name, IReadOnlyList<string> RedirectUris, IReadOnlyList<string> Scopes, IReadOnlyList<string> GrantTypes, bool RequiresPushedRequests)
{
    public static AppDetails Of(App app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var permissions = List(app.Permissions);
        return new AppDetails(
            app.DisplayName ?? "",
            List(app.RedirectUris),
            Named(permissions, Permissions.Prefixes.Scope),
            Named(permissions, Permissions.Prefixes.GrantType),
            List(app.Requirements).Contains(Requirements.Features.PushedAuthorizationRequests));
    }

    private static string[] Named(string[] permissions, string prefix) =>
        [.. permissions.Where(p => p.StartsWith(prefix, StringComparison.Ordinal)).Select(p => p[prefix.Length..])];

    private static string[] List(string? json) => JsonSerializer.Deserialize<string[]>(json ?? "[]") ?? [];
}
