using System.Text.Json;
using TokenBroker.Apps.Owned;

namespace TokenBroker.Apps.Api;

/// <summary>An app as a developer's program sends it.</summary>
internal sealed record AppInput
{
    public string Name { get; init; } = "";

    public string? HomepageUrl { get; init; }

    /// <summary>Chosen once; in a change it may be left out, or be the same.</summary>
    public AppKind? Kind { get; init; }

    public IReadOnlyList<string?> RedirectUris { get; init; } = [];

    public IReadOnlyList<string?> Scopes { get; init; } = [];

    public IReadOnlyList<string?> OptionalScopes { get; init; } = [];

    public bool RequirePushedAuthorizationRequests { get; init; }

    public bool DpopBoundAccessTokens { get; init; }

    /// <summary>A JSON Web Key Set of public keys, for an app of kind server that proves itself by private_key_jwt.</summary>
    public JsonElement? Jwks { get; init; }

    public AppRegistration ToRegistration() => new()
    {
        Name = Name,
        HomepageUrl = HomepageUrl,
        RedirectUris = [.. RedirectUris.Select(uri => uri ?? "")],
        Scopes = [.. Scopes.Select(scope => scope ?? "").Distinct()],
        OptionalScopes = [.. OptionalScopes.Select(scope => scope ?? "").Distinct()],
        RequirePushedAuthorizationRequests = RequirePushedAuthorizationRequests,
        DpopBoundAccessTokens = DpopBoundAccessTokens,
        Jwks = Jwks is { ValueKind: not JsonValueKind.Null } keys ? keys.GetRawText() : null,
    };
}

/// <summary>An app as its owner and the reviewers see it.</summary>
internal sealed record AppDocument(
    string ClientId,
    string Name,
    string? HomepageUrl,
    AppKind Kind,
    IReadOnlyList<string> RedirectUris,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string> OptionalScopes,
    bool RequirePushedAuthorizationRequests,
    bool DpopBoundAccessTokens,
    JsonElement? Jwks,
    ReviewDocument Review,
    TestersDocument? Testers,
    DateTime CreatedAt,
    string Version)
{
    /// <summary>Once, where it was just made.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>To reviewers: whom to write to.</summary>
    public string? Owner { get; init; }

    /// <summary>To reviewers: how it differs from what was last approved.</summary>
    public IReadOnlyList<string>? ChangesSinceApproval { get; init; }

    public static AppDocument Of(App app, int? testers, int limit) => new(
        app.ClientId ?? "",
        app.DisplayName ?? "",
        app.HomepageUrl,
        app.Kind(),
        AppDetails.Of(app).RedirectUris,
        AppDetails.Of(app).Scopes,
        app.OptionalScopes,
        AppDetails.Of(app).RequiresPushedRequests,
        app.DpopBoundAccessTokens,
        app.JsonWebKeySet is { } keys ? JsonSerializer.Deserialize<JsonElement>(keys) : null,
        new ReviewDocument(app.ReviewStatus, app.ReviewNote, app.SubmittedAt, app.ReviewedAt),
        testers is { } count && app.ReviewStatus != ReviewStatus.Approved ? new TestersDocument(count, limit) : null,
        app.CreatedAt,
        app.ConcurrencyToken ?? "");
}

/// <summary>Where the app stands, and the note of the last step.</summary>
internal sealed record ReviewDocument(ReviewStatus Status, string? Note, DateTime? SubmittedAt, DateTime? ReviewedAt);

/// <summary>How many distinct people ever allowed an app that is not approved, and how many may.</summary>
internal sealed record TestersDocument(int Count, int Limit);

/// <summary>What comes with a step of a review.</summary>
internal sealed record StepInput
{
    public string? Note { get; init; }

    /// <summary>The version that the reviewer looked at.</summary>
    public string? Version { get; init; }
}
