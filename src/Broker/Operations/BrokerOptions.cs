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

    /// <summary>The address as a prefix without a final slash.</summary>
    public string BaseAddress => PublicUrl.AbsoluteUri.TrimEnd('/');
}
