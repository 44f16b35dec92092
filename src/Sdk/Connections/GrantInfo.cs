namespace TokenBroker.Sdk;

/// <summary>What the user granted, as the token endpoint last said it.</summary>
public sealed class GrantInfo
{
    internal GrantInfo(IReadOnlyList<string> scopes, DateTimeOffset connectedAt, DateTimeOffset accessTokenExpiresAt, bool canRefresh)
    {
        Scopes = scopes;
        ConnectedAt = connectedAt;
        AccessTokenExpiresAt = accessTokenExpiresAt;
        CanRefresh = canRefresh;
    }

    /// <summary>The granted scopes; the user may have granted fewer than the app asked for (RFC 6749 section 5.1).</summary>
    public IReadOnlyList<string> Scopes { get; }

    /// <summary>When the user connected, in UTC.</summary>
    public DateTimeOffset ConnectedAt { get; }

    /// <summary>When the present access token ends, in UTC; it is refreshed by itself.</summary>
    public DateTimeOffset AccessTokenExpiresAt { get; }

    /// <summary>False without <c>offline_access</c>: the connection then ends with the access token.</summary>
    public bool CanRefresh { get; }
}
