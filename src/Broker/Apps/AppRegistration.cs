namespace TokenBroker.Apps;

/// <summary>
/// What an app says of itself when it is registered: the client metadata of RFC 7591, section 2, in our spelling. An
/// entry of section <c>Apps</c> is one; it is written at start, and one that is taken out of the configuration keeps
/// its row and its grants.
/// </summary>
internal sealed class AppRegistration
{
    public string ClientId { get; set; } = "";

    /// <summary>
    /// 256 random bits or more, as text of at least 43 characters: it is stored as one SHA-256, which protects a
    /// random secret and no other. Without it and without <see cref="Jwks"/> the app is a public client.
    /// </summary>
    public string? ClientSecret { get; set; }

    /// <summary>A JSON Web Key Set of public keys: the app authenticates with <c>private_key_jwt</c> (RFC 7523) instead of a secret.</summary>
    public string? Jwks { get; set; }

    public string Name { get; set; } = "";

    /// <summary>https, or http on loopback.</summary>
    public string? HomepageUrl { get; set; }

    /// <summary><c>web</c>, which is also what runs in a browser, or <c>native</c> (RFC 8252): loopback redirects on any port, and private-use schemes.</summary>
    public string ApplicationType { get; set; } = "web";

    /// <summary>
    /// What the app may send to the token endpoint: <c>authorization_code</c>, <c>refresh_token</c>,
    /// <c>urn:ietf:params:oauth:grant-type:device_code</c>, <c>urn:ietf:params:oauth:grant-type:token-exchange</c>.
    /// The first two if none is given.
    /// </summary>
    public IList<string> GrantTypes { get; set; } = [];

    /// <summary>Exact redirect URIs; https, or http on loopback.</summary>
    public IList<string> RedirectUris { get; set; } = [];

    /// <summary>What the app may ask for, such as <c>openai:chat</c>.</summary>
    public IList<string> Scopes { get; set; } = [];

    /// <summary>Those of <see cref="Scopes"/> that a user may untick at consent. The others are allowed together or not at all.</summary>
    public IList<string> OptionalScopes { get; set; } = [];

    /// <summary>RFC 9126, section 6: authorization requests of this app are pushed or refused.</summary>
    public bool RequirePushedAuthorizationRequests { get; set; }

    /// <summary>RFC 9449, section 5.2: this app gets DPoP-bound tokens or none.</summary>
    public bool DpopBoundAccessTokens { get; set; }
}
