namespace TokenBroker.Apps;

/// <summary>
/// One entry of section <c>Apps</c>: an app that the operator registers by configuration. It is written at start;
/// an entry that is taken out of the configuration keeps its row and its grants.
/// </summary>
internal sealed class ConfiguredApp
{
    public string ClientId { get; set; } = "";

    /// <summary>
    /// 256 random bits or more, as text of at least 43 characters: it is stored as one SHA-256, which protects a
    /// random secret and no other. Without it the app is a public client.
    /// </summary>
    public string? ClientSecret { get; set; }

    public string Name { get; set; } = "";

    /// <summary>https, or http on loopback.</summary>
    public string? HomepageUrl { get; set; }

    /// <summary>Exact redirect URIs; https, or http on loopback.</summary>
    public IList<string> RedirectUris { get; } = [];

    /// <summary>What the app may ask for, such as <c>openai:chat</c>.</summary>
    public IList<string> Scopes { get; } = [];
}
