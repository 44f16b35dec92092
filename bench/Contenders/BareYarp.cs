using System.Net;
using System.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace TokenBroker.Bench.Contenders;

/// <summary>
/// YARP's direct forwarding with the credential replaced, and nothing else: what the broker would be if it checked,
/// limited and counted nothing. Its connections to the upstream are pooled as the broker's are.
/// </summary>
internal static class BareYarp
{
    public static WebApplication Create(string[] args)
    {
        var builder = BareServer.NewBuilder(args);
        builder.Services.AddHttpForwarder();
        var app = builder.Build();
        var upstream = app.Configuration.Required("upstream");
        var transformer = new ReplaceCredential(app.Configuration.Required("key"));
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        var config = new ForwarderRequestConfig { ActivityTimeout = TimeSpan.FromMinutes(10), AllowResponseBuffering = false };
        var client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            EnableMultipleHttp2Connections = true,
        });
        app.Map("/{**path}", async context => await forwarder.SendAsync(context, upstream, client, config, transformer));
        return app;
    }

    private sealed class ReplaceCredential(string key) : HttpTransformer
    {
        private readonly AuthenticationHeaderValue _credential = new("Bearer", key);

        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.Headers.Host = null;
            proxyRequest.Headers.Authorization = _credential;
        }
    }
}
