using OpenIddict.EntityFrameworkCore.Models;

namespace TokenBroker.Authorization;

/// <summary>
/// OpenIddict's scope entity. The table stays empty: scopes come from the upstream catalogue, which the
/// operator's configuration holds, so that a scope cannot exist without the operations it opens.
/// </summary>
internal sealed class Scope : OpenIddictEntityFrameworkCoreScope<Guid>;
