using System.Net;
using IPNetwork = System.Net.IPNetwork;

namespace TokenBroker.Operations.Egress;

/// <summary>Where the guard connects to: any global unicast address by https on 443, and what the operator opened besides.</summary>
/// <param name="allowedNetworks">Networks that are reached although they are not global, by https on any port; loopback among them by http too.</param>
internal sealed class EgressRules(IReadOnlyList<IPNetwork> allowedNetworks)
{
    private const int HttpsPort = 443;

    /// <exception cref="FormatException">One is not a network.</exception>
    public static EgressRules Parse(IEnumerable<string> networks) => new([.. networks.Select(IPNetwork.Parse)]);

    /// <returns>Why this address must not be connected to; null where it may be.</returns>
    public string? Complaint(Uri uri, IPAddress resolved)
    {
        var address = GlobalAddresses.Plain(resolved);
        if (allowedNetworks.Any(network => network.Contains(address)))
        {
            return uri.Scheme == Uri.UriSchemeHttps || IPAddress.IsLoopback(address) ? null : "is not https";
        }

        return !GlobalAddresses.Contain(address) ? EgressException.NotPublic
            : uri.Scheme != Uri.UriSchemeHttps ? "is not https"
            : uri.Port != HttpsPort ? "is not on port 443"
            : null;
    }
}
