using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Authorization.Registration;

/// <summary>Section <c>Registration:Dynamic</c>: apps that register themselves (RFC 7591).</summary>
internal sealed class DynamicRegistrationOptions
{
    public const int LeastTokenLength = 43;

    /// <summary>Off by default: whoever reaches the broker could register an app. What registers is unreviewed, and serves testers only.</summary>
    public bool Enabled { get; set; }

    /// <summary>
    /// What a registration must carry as a Bearer token (RFC 7591, section 3); anybody may register where it is not
    /// set. At least 43 random characters: <c>openssl rand -base64 32</c>.
    /// </summary>
    [MinLength(LeastTokenLength, ErrorMessage = "Registration:Dynamic:InitialAccessToken needs at least 43 random characters: run 'openssl rand -base64 32'.")]
    public string? InitialAccessToken { get; set; }

    /// <summary>Registrations from one address in an hour. A person connects a few apps in an hour; a row stays for good.</summary>
    [Range(1, 1_000_000)]
    public int PerHour { get; set; } = 20;
}
