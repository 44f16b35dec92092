using System.Net;

namespace TokenBroker.Custody.Vaults;

/// <summary>
/// How vaults over HTTP are reached: no redirect is followed and no proxy asked, so that the credential goes to the
/// configured host alone. Registered as a service so that another way to the network can be put in its place.
/// </summary>
/// <param name="handler">Opens the connections.</param>
internal sealed class VaultTransport(HttpMessageHandler handler) : IDisposable
{
    /// <summary>More than any answer of a vault needs; one that is longer is not read.</summary>
    public const int LongestAnswer = 1024 * 1024;

    public HttpMessageHandler Handler => handler;

    /// <param name="customise">Changes what differs, such as where connections lead.</param>
    public static VaultTransport Create(Action<SocketsHttpHandler>? customise = null)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        customise?.Invoke(handler);
        return new VaultTransport(handler);
    }

    /// <summary>What an operator may be shown of a vault's own words: one line, not long.</summary>
    public static string Quote(string? text)
    {
        var line = new string([.. (text ?? "").Take(300).Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
        return line.Length == 0 ? "no reason was given" : line;
    }

    public void Dispose() => handler.Dispose();
}
