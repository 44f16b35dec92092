using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Developer;

/// <summary>An app as a developer fills it in.</summary>
internal sealed class AppForm
{
    public string? Name { get; set; }

    public string? HomepageUrl { get; set; }

    /// <summary>Asked for a new app alone.</summary>
    public AppKind Kind { get; set; }

    /// <summary>One a line.</summary>
    public string? RedirectUris { get; set; }

    public IList<string> Scopes { get; set; } = [];

    /// <summary>Those that users may leave out.</summary>
    public IList<string> OptionalScopes { get; set; } = [];

    public bool RequirePushedRequests { get; set; }

    public bool RequireDpop { get; set; }

    public static AppForm Of(App app) => new()
    {
        Name = app.DisplayName,
        HomepageUrl = app.HomepageUrl,
        Kind = app.Kind(),
        RedirectUris = string.Join('\n', AppDetails.Of(app).RedirectUris),
        Scopes = [.. AppDetails.Of(app).Scopes],
        OptionalScopes = [.. app.OptionalScopes],
        RequirePushedRequests = AppDetails.Of(app).RequiresPushedRequests,
        RequireDpop = app.DpopBoundAccessTokens,
    };

    public AppRegistration ToRegistration() => new()
    {
        Name = Name ?? "",
        HomepageUrl = HomepageUrl,
        RedirectUris = [.. (RedirectUris ?? "").Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()],
        Scopes = [.. Scopes.Distinct()],

        // A box under a scope that is not ticked says nothing.
        OptionalScopes = [.. OptionalScopes.Intersect(Scopes)],
        RequirePushedAuthorizationRequests = RequirePushedRequests,
        DpopBoundAccessTokens = RequireDpop,
    };

    /// <summary>The form's field for a property of the registration.</summary>
    public static string FieldOf(AppComplaint complaint) => complaint.Field switch
    {
        nameof(AppRegistration.OptionalScopes) => nameof(Scopes),
        nameof(AppRegistration.Name) or nameof(AppRegistration.HomepageUrl) or nameof(AppRegistration.RedirectUris) or nameof(AppRegistration.Scopes) => complaint.Field,
        _ => "",
    };

    /// <summary>What may be asked for, in the words of the catalogue, and whether users may be let to leave it out.</summary>
    public static IEnumerable<(string Scope, string Title, string Sentence, bool MayBeOptional)> Choices(Catalogue catalogue)
    {
        foreach (var upstream in catalogue.All.OrderBy(u => u.Name))
        {
            // Last the one that opens everything, which few apps need.
            foreach (var capability in upstream.Capabilities.OrderBy(c => c.Scope == upstream.AccountScope))
            {
                yield return (capability.Scope, $"{upstream.Name}: {capability.Title}", capability.Sentence, true);
            }
        }

        yield return ("offline_access", "Stay connected", "A refresh token, so that the user is not asked again each half hour.", false);
        yield return ("openid", "Sign in", "An ID token that says which user this is.", false);
        yield return ("profile", "User name", "The name of the user's account here.", true);
        yield return ("email", "E-mail address", "The address of the user's account here. It is not verified.", true);
    }
}
