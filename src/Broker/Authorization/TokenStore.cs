using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;
using OpenIddict.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Grants;

namespace TokenBroker.Authorization;

/// <summary>OpenIddict's store of tokens, but for those that a redemption gives: <see cref="Redemption"/> stores them with it, or not at all.</summary>
internal sealed class TokenStore(
    IMemoryCache cache, IOpenIddictEntityFrameworkCoreContext context, IOptionsMonitor<OpenIddictEntityFrameworkCoreOptions> options, Redemption redemption)
    : OpenIddictEntityFrameworkCoreTokenStore<Token, App, Grant, Guid>(cache, context, options)
{
    public override async ValueTask CreateAsync(Token token, CancellationToken cancellationToken)
    {
        if (redemption.IsUnderWay)
        {
            redemption.Keep(token);
            return;
        }

        await base.CreateAsync(token, cancellationToken);
    }
}
