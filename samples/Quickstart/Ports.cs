using System.Net;
using System.Net.Sockets;

namespace TokenBroker.Samples.Quickstart;

/// <summary>The three ports, on both loopback addresses, since <c>localhost</c> means either.</summary>
internal sealed record Ports(int Broker, int Sandbox, int Chat)
{
    public const int DefaultBase = 5080;

    /// <summary>Said to the person where the usual ports could not be had.</summary>
    public string? Notice { get; private init; }

    public Uri BrokerUrl => UrlOf(Broker);

    public Uri SandboxUrl => UrlOf(Sandbox);

    public Uri ChatUrl => UrlOf(Chat);

    /// <exception cref="IOException">A port that was asked for is taken.</exception>
    public static Ports Choose(QuickstartOptions options)
    {
        if (options.Throwaway)
        {
            return Free();
        }

        var wanted = From(options.PortBase ?? DefaultBase);
        var taken = new[] { wanted.Broker, wanted.Sandbox, wanted.Chat }.Where(port => !IsFree(port)).ToList();
        return (taken, options.PortBase) switch
        {
            ([], _) => wanted,
            (_, null) => Free() with { Notice = $"{Words(taken)} taken, so other ports were chosen." },
            _ => throw new IOException($"{Words(taken)} taken: choose another --port-base, or leave it out."),
        };
    }

    private static Ports From(int first) => new(first, first + 10, first + 100);

    private static Ports Free()
    {
        var found = new HashSet<int>();
        while (found.Count < 3)
        {
            using var any = new TcpListener(IPAddress.Loopback, 0);
            any.Start();
            var port = ((IPEndPoint)any.LocalEndpoint).Port;
            any.Stop();
            if (IsFree(port))
            {
                found.Add(port);
            }
        }

        return found.ToArray() is [var broker, var sandbox, var chat]
            ? new Ports(broker, sandbox, chat)
            : throw new InvalidOperationException("Three ports are three.");
    }

    private static bool IsFree(int port) => CanListen(IPAddress.Loopback, port) && CanListen(IPAddress.IPv6Loopback, port);

    private static bool CanListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException exception)
        {
            // A machine without IPv6 lacks the address; that takes no port from anybody.
            return exception.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported;
        }
    }

    private static string Words(List<int> taken) =>
        taken is [var one] ? $"Port {one} is" : $"Ports {string.Join(", ", taken.SkipLast(1))} and {taken[^1]} are";

    private static Uri UrlOf(int port) => new($"http://localhost:{port}");
}
