using System.Linq.Expressions;
using OpenIddict.EntityFrameworkCore.Models;
using TokenBroker.Authorization;
using TokenBroker.Grants;

namespace TokenBroker.Apps;

/// <summary>A registered OAuth client (RFC 6749, section 2): OpenIddict's application entity, extended.</summary>
internal sealed class App : OpenIddictEntityFrameworkCoreApplication<Guid, Grant, Token>
{
    /// <summary>Not the shell that <see cref="RemoveApp"/> leaves of an app, which alone has no permission at all.</summary>
    public static Expression<Func<App, bool>> InUse { get; } = static app => app.Permissions != null;

    /// <summary>Where a person reads about the app; shown at consent. Only https, or http on loopback.</summary>
    public string? HomepageUrl { get; set; }

    public DateTime CreatedAt { get; set; }

    public AppSource Source { get; set; }

    /// <summary>The user who answers for the app; null where the operator configured it or it registered itself.</summary>
    public Guid? OwnerId { get; set; }

    /// <summary>Until it is <see cref="Apps.ReviewStatus.Approved"/>, the app serves a few testers only.</summary>
    public ReviewStatus ReviewStatus { get; set; }

    /// <summary>What the reviewer wrote to the owner, or the owner to the reviewer while it waits.</summary>
    public string? ReviewNote { get; set; }

    public DateTime? SubmittedAt { get; set; }

    public DateTime? ReviewedAt { get; set; }

    /// <summary>The scopes that a user may untick at consent; the app works without them.</summary>
    public IReadOnlyList<string> OptionalScopes { get; set; } = [];

    /// <summary>RFC 9449, section 5.2: this app gets DPoP-bound tokens or none.</summary>
    public bool DpopBoundAccessTokens { get; set; }

    /// <summary>Whether its owner wants what it sends moderated first.</summary>
    public bool WantsModeration { get; set; }

    /// <summary>SHA-256 of the registration access token (RFC 7592); null where the registration is not managed with one.</summary>
    public byte[]? RegistrationTokenHash { get; set; }

    /// <summary>Until when a client ID metadata document counts as fresh.</summary>
    public DateTime? MetadataFreshUntil { get; set; }

    /// <summary>The host that vouches for a metadata document, which people should see at consent: anybody else can take the name.</summary>
    public string? DocumentHost => Source == AppSource.MetadataDocument ? new Uri(ClientId!).Authority : null;
}

/// <summary>How an app came to be registered.</summary>
internal enum AppSource
{
    Configuration,
    Console,
    DynamicRegistration,
    MetadataDocument,
}

/// <summary>Where an app stands with the operator.</summary>
internal enum ReviewStatus
{
    /// <summary>Not reviewed: testers only.</summary>
    Unreviewed,

    /// <summary>The owner asked for a review: still testers only.</summary>
    Submitted,

    Approved,

    /// <summary>Sent back with a note: testers only, and it may be submitted again.</summary>
    Rejected,
}
