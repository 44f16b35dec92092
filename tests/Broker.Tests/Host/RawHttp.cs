using System.Net.Sockets;
using System.Text;

namespace TokenBroker.Tests.Host;

/// <param name="Status">The number of the status line; 0 where there was no answer.</param>
/// <param name="Text">All that came, until the other side closed.</param>
public sealed record RawAnswer(int Status, string Text);

/// <summary>Sends bytes as they are, where an HTTP client would tidy them up.</summary>
public static class RawHttp
{
    /// <summary>Sends one request, written as Latin-1, and reads until the connection closes: let it ask for that.</summary>
    public static async Task<RawAnswer> SendAsync(BrokerHost host, string request)
    {
        var address = new Uri(host.Address);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, limit.Token);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), limit.Token);
        using var received = new MemoryStream();
        try
        {
            await stream.CopyToAsync(received, limit.Token);
        }
        catch (IOException)
        {
            // Reset after the answer: what came is what counts.
        }

        var text = Encoding.UTF8.GetString(received.ToArray());
        return new RawAnswer(text.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? int.Parse(text.AsSpan(9, 3), provider: null) : 0, text);
    }

    /// <summary>A request for one target with a JSON body, or none, and any header lines.</summary>
    public static string Request(string method, string target, string token, string? json = null, string headers = "")
    {
        var content = json is null ? "" : $"Content-Type: application/json\r\nContent-Length: {Encoding.Latin1.GetByteCount(json)}\r\n";
        return $"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{headers}{content}\r\n{json}";
    }
}
