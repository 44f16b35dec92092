using OpenIddict.EntityFrameworkCore.Models;
using TokenBroker.Apps;
using TokenBroker.Grants;

namespace TokenBroker.Authorization;

/// <summary>An issued code or token: OpenIddict's token entity, extended. Access and refresh payloads are never stored.</summary>
internal sealed class Token : OpenIddictEntityFrameworkCoreToken<Guid, App, Grant>
{
    public Guid? ApplicationId { get; set; }

    /// <summary>The grant that this token speaks for.</summary>
    public Guid? AuthorizationId { get; set; }

    /// <summary>
    /// On a redeemed refresh token, the response that redeemed it, sealed under a key that only the holder of
    /// that refresh token can derive. A retry inside the leeway gets these bytes again instead of a second successor.
    /// </summary>
    public byte[]? SealedSuccessor { get; set; }
}
