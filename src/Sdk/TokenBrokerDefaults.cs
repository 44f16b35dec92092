namespace TokenBroker.Sdk;

/// <summary>The names that an app may need to refer to: paths, the query parameter of a failed connect, the HTTP client.</summary>
public static class TokenBrokerDefaults
{
    /// <summary>
    /// GET or POST: sends the browser to the broker's consent page. Takes <c>returnUrl</c> (query or form), a path of this
    /// app such as <c>/chat</c>. A POST must come from this app's own pages.
    /// </summary>
    public const string ConnectPath = "/tokenbroker/connect";

    /// <summary>
    /// GET: where the broker sends the browser back to. Register <c>https://your-app.example/tokenbroker/callback</c> as
    /// the app's redirect URI, exactly.
    /// </summary>
    public const string CallbackPath = "/tokenbroker/callback";

    /// <summary>
    /// POST, from this app's own pages only: revokes the grant at the broker (RFC 7009), drops the tokens and redirects to
    /// <c>returnUrl</c>.
    /// </summary>
    public const string DisconnectPath = "/tokenbroker/disconnect";

    /// <summary>
    /// Query parameter added to the return URL when connecting or disconnecting did not work. Its value is an OAuth error
    /// code such as <c>access_denied</c> (the user said no), or <c>invalid_response</c>, <c>broker_unavailable</c>,
    /// <c>broker_misconfigured</c> or <c>revocation_failed</c>.
    /// </summary>
    public const string ErrorParameter = "tokenbroker_error";

    /// <summary>
    /// Name of the <see cref="IHttpClientFactory"/> client that makes every call to the broker. It follows no redirects,
    /// keeps no cookies, logs no header values and ignores the app's default handlers, so that no retry or logging handler
    /// meets a token. Use it to set, for example, a proxy.
    /// </summary>
    public const string HttpClientName = "TokenBroker";
}
