using System.Net;
using System.Net.Security;

namespace TokenBroker.Upstreams;

/// <summary>
/// The one pool of connections to upstreams. It follows no redirect, uses no proxy from the environment, keeps no
/// cookie, adds no header of its own and unpacks nothing: what leaves is what the gateway wrote.
/// </summary>
internal sealed class UpstreamClient : IDisposable
{
    private readonly SocketsHttpHandler _handler;

    public UpstreamClient(UpstreamTrouble trouble)
        : this(trouble, new SslClientAuthenticationOptions())
    {
    }

    /// <param name="trouble">Is told what becomes of calls.</param>
    /// <param name="tls">Whom to trust: for tests, which have no certificate that the world knows.</param>
    internal UpstreamClient(UpstreamTrouble trouble, SslClientAuthenticationOptions tls)
    {
        Trouble = trouble;
        _handler = NewHandler(tls);
        Invoker = new HttpMessageInvoker(_handler, disposeHandler: false);
    }

    public HttpMessageInvoker Invoker { get; }

    public UpstreamTrouble Trouble { get; }

    public void Dispose()
    {
        Invoker.Dispose();
        _handler.Dispose();
    }

    private static SocketsHttpHandler NewHandler(SslClientAuthenticationOptions tls) => new()
    {
        SslOptions = tls,
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        EnableMultipleHttp2Connections = true,

        // A response that is let go of is cut at once: draining it would keep the provider generating.
        ResponseDrainTimeout = TimeSpan.Zero,
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
    };
}
