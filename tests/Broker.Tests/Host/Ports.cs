using System.Net;
using System.Net.Sockets;

namespace TokenBroker.Tests.Host;

/// <summary>
/// Ports to listen on that must be known before. They lie below those that systems give to connections and to whoever asks
/// for any: nobody else is given one between its choice and its use, nor while a broker is stopped to be started again.
/// </summary>
public static class Ports
{
    private const int First = 10_000;
    private const int Count = 20_000;

    /// <summary>Test programs that run side by side begin far from each other.</summary>
    private static int s_last = Environment.ProcessId % Count * 997 % Count;

    /// <summary>A port of loopback, by either version of IP, that nobody listens on; each is given once.</summary>
    public static int Next()
    {
        for (var tries = 0; tries < Count; tries++)
        {
            var port = First + (Interlocked.Increment(ref s_last) % Count);
            if (IsFree(IPAddress.Loopback, port) && IsFree(IPAddress.IPv6Loopback, port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"Every port from {First} to {First + Count - 1} is taken.");
    }

    private static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException exception)
        {
            // Not every machine has the sixth version.
            return exception.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable;
        }
    }
}
