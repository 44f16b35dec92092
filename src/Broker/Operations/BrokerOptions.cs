using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Operations;

/// <summary>Section <c>Broker</c>: who this broker is.</summary>
internal sealed class BrokerOptions
{
    /// <summary>
    /// The address that people and apps use, and the OAuth issuer. https, or http on loopback. Default:
    /// <c>http://localhost:5080</c>; localhost and not 127.0.0.1, since passkeys need a name.
    /// </summary>
    [Required]
    public Uri PublicUrl { get; set; } = new("http://localhost:5080");

    /// <summary>
    /// The proxies, as addresses or networks (<c>10.0.0.0/8</c>), whose X-Forwarded headers are believed. None by
    /// default: anybody can write such a header.
    /// </summary>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>
    /// Requests in one minute from one address, the gateway's calls aside. An app's server refreshes the tokens of all
    /// its users from one address: each of them takes one such request in half an hour.
    /// </summary>
    [Range(1, 10_000_000)]
    public int RequestsPerMinute { get; set; } = 3_000;

    /// <summary>The address as a prefix without a final slash. One without a scheme is refused where the options are validated, which reads this first.</summary>
    public string BaseAddress => (PublicUrl.IsAbsoluteUri ? PublicUrl.AbsoluteUri : PublicUrl.OriginalString).TrimEnd('/');
}
