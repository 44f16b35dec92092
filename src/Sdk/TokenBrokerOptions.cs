using System.Security.Claims;

using Microsoft.AspNetCore.Http;

namespace TokenBroker.Sdk;

/// <summary>What the app needs to know to work on its users' own model accounts. Checked when the app starts.</summary>
public sealed class TokenBrokerOptions
{
    /// <summary>
    /// The broker's issuer URL, for example <c>https://broker.example</c>. Must be https, or http on a loopback host, and
    /// must match the <c>issuer</c> of its discovery document (RFC 8414 section 3.3).
    /// </summary>
    public string Authority { get; set; } = "";

    /// <summary>The app's client id, from its page in the broker's portal.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>
    /// The app's client secret, sent as <c>client_secret_basic</c> (RFC 6749 section 2.3.1). Keep it in user secrets or
    /// the environment, not in source.
    /// </summary>
    public string ClientSecret { get; set; } = "";

    /// <summary>
    /// What the user is asked for. Default: <c>openai:chat</c>, <c>openai:models</c> and <c>offline_access</c>; without
    /// the last the connection ends with its first access token, after 30 minutes. The user may grant less: see
    /// <see cref="GrantInfo.Scopes"/>. <c>openid</c> is refused: the SDK connects an account, it does not sign users in.
    /// </summary>
    public IList<string> Scopes { get; set; } = ["openai:chat", "openai:models", "offline_access"];

    /// <summary>
    /// The absolute callback URL that is registered at the broker. Default: null, made from the current request's scheme
    /// and host; set it where a proxy hides these.
    /// </summary>
    public Uri? RedirectUri { get; set; }

    /// <summary>Where the browser goes after connecting when no <c>returnUrl</c> was given. Default: null, the app's root.</summary>
    public string? DefaultReturnUrl { get; set; }

    /// <summary>
    /// Names the app's own signed-in user, so that the connection follows the user across browsers. Return null when
    /// nobody is signed in: the connection then belongs to this browser, by a protected cookie. Default: the
    /// <c>NameIdentifier</c> or <c>sub</c> claim; throws <see cref="InvalidOperationException"/> for a signed-in user
    /// with neither, because two users of one browser must never share a connection.
    /// </summary>
    public Func<HttpContext, string?> UserId { get; set; } = SignedInUser;

    /// <summary>
    /// How long before its end an access token is refreshed. Default: 2 minutes of its 30, so that a request that is
    /// about to start does not meet the end; never more than half of a token's life. From 0 to 15 minutes.
    /// </summary>
    public TimeSpan RefreshBefore { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How long tokens are kept after they were last refreshed. Default: 24 hours, which is how long the broker's refresh
    /// tokens live; keeping them longer is of no use.
    /// </summary>
    public TimeSpan ConnectionLifetime { get; set; } = TimeSpan.FromHours(24);

    internal Uri AuthorityUri => new(Authority.TrimEnd('/') + "/");

    internal Uri GatewayUri => new(AuthorityUri, "openai/v1");

    private static string? SignedInUser(HttpContext http)
    {
        if (http.User.Identity?.IsAuthenticated != true)
        {
            return null;
        }

        return http.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? http.User.FindFirstValue("sub")
            ?? throw new InvalidOperationException(
                "The signed-in user has neither a NameIdentifier nor a sub claim, so the connection cannot be kept for " +
                "them. Set TokenBrokerOptions.UserId to a delegate that names the user.");
    }
}
