using System.Net;
using System.Net.Sockets;

namespace TokenBroker.Operations;

/// <summary>What a limit by address counts by.</summary>
internal static class ClientNetwork
{
    /// <summary>An IPv4 address, or the /64 of an IPv6 one: whoever has one address there has them all.</summary>
    public static string Of(HttpContext context) => context.Connection.RemoteIpAddress switch
    {
        null => "unknown",
        { IsIPv4MappedToIPv6: true } or { AddressFamily: AddressFamily.InterNetwork } => context.Connection.RemoteIpAddress.MapToIPv4().ToString(),
        IPAddress address => Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)),
    };
}
