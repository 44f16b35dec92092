using System.Net;
using System.Net.Sockets;
using IPNetwork = System.Net.IPNetwork;

namespace TokenBroker.Operations.Egress;

/// <summary>
/// Which addresses are anybody's on the internet, and which may be a machine beside the broker: the special-purpose
/// registries of IANA (RFC 6890) turned into a list of refusals. IPv6 takes it the other way round: only 2000::/3 is
/// handed out for global unicast, so that all else is refused by default. Addresses that carry an IPv4 address inside
/// are judged by that one as well, or a translator would be the way around.
/// </summary>
internal static class GlobalAddresses
{
    private static readonly IPNetwork[] s_special4 =
    [
        .. ((string[])
        [
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        ]).Select(IPNetwork.Parse),
    ];

    /// <summary>Inside 2000::/3: protocol assignments (Teredo among them) and documentation.</summary>
    private static readonly IPNetwork[] s_special6 =
        [IPNetwork.Parse("2001::/23"), IPNetwork.Parse("2001:db8::/32"), IPNetwork.Parse("3fff::/20")];

    private static readonly IPNetwork s_global6 = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork s_translated = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork s_sixToFour = IPNetwork.Parse("2002::/16");

    public static bool Contain(IPAddress address) => Plain(address) switch
    {
        { AddressFamily: AddressFamily.InterNetwork } v4 => !s_special4.Any(network => network.Contains(v4)),
        { AddressFamily: AddressFamily.InterNetworkV6 } v6 => IsGlobal6(v6),
        _ => false,
    };

    /// <summary>An IPv4 address that is written as an IPv6 one (<c>::ffff:10.0.0.1</c>), as the system connects to it: over IPv4.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static bool IsGlobal6(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        if (s_translated.Contains(address))
        {
            return Contain(new IPAddress(bytes.AsSpan(12, 4)));
        }

        if (s_sixToFour.Contains(address))
        {
            return Contain(new IPAddress(bytes.AsSpan(2, 4)));
        }

        return s_global6.Contains(address) && !s_special6.Any(network => network.Contains(address));
    }
}
