using OpenIddict.EntityFrameworkCore.Models;
using TokenBroker.Authorization;
using TokenBroker.Grants;

namespace TokenBroker.Apps;

/// <summary>A registered OAuth client (RFC 6749, section 2): OpenIddict's application entity, extended.</summary>
internal sealed class App : OpenIddictEntityFrameworkCoreApplication<Guid, Grant, Token>
{
    /// <summary>Where a person reads about the app; shown at consent. Only https, or http on loopback.</summary>
    public string? HomepageUrl { get; set; }

    public DateTime CreatedAt { get; set; }
}
