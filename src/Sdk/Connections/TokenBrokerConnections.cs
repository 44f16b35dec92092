using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Connections;

namespace TokenBroker.Sdk;

/// <summary>
/// Gives connections by user, for work outside of a request: background jobs, SignalR hubs, Blazor circuits. Within a
/// request inject <see cref="TokenBrokerConnection"/> instead. A singleton, safe for parallel use.
/// </summary>
public sealed class TokenBrokerConnections
{
    private readonly AccessTokens tokens;
    private readonly CurrentUser currentUser;
    private readonly IHttpContextAccessor accessor;
    private readonly IHttpClientFactory http;
    private readonly TokenBrokerOptions options;

    internal TokenBrokerConnections(AccessTokens tokens, CurrentUser currentUser, IHttpContextAccessor accessor, IHttpClientFactory http, IOptions<TokenBrokerOptions> options)
    {
        this.tokens = tokens;
        this.currentUser = currentUser;
        this.accessor = accessor;
        this.http = http;
        this.options = options.Value;
    }

    /// <summary>The connection of one of the app's signed-in users.</summary>
    /// <param name="userId">What <see cref="TokenBrokerOptions.UserId"/> gives for that user.</param>
    /// <returns>The connection, which may be not connected yet: see <see cref="TokenBrokerConnection.IsConnectedAsync"/>.</returns>
    public TokenBrokerConnection ForUser(string userId)
    {
        ArgumentException.ThrowIfNullOrEmpty(userId);
        return new TokenBrokerConnection(new Lazy<string?>(currentUser.UserConnection(userId)), tokens, http, options);
    }

    internal TokenBrokerConnection ForCurrentRequest()
    {
        // Looked up at the first use, so that injecting the connection before authentication has run does no harm.
        var context = accessor.HttpContext ?? throw new InvalidOperationException(
            "TokenBrokerConnection belongs to an HTTP request and there is none here. Inject TokenBrokerConnections and call ForUser(userId).");
        return new TokenBrokerConnection(new Lazy<string?>(() => currentUser.Connection(context)), tokens, http, options);
    }
}
