using TokenBroker.Authorization.Discovery;
using TokenBroker.Operations;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

internal static class RealtimeSetup
{
    private static readonly string[] s_methods = [HttpMethods.Get, HttpMethods.Connect];

    public static void AddRealtime(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<RealtimeOptions>().BindConfiguration("Gateway:Realtime").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<Handshake>();
        builder.Services.AddSingleton<SessionAdmission>();
        builder.Services.AddSingleton<ProviderSockets>();
        builder.Services.AddSingleton<RealtimeSessions>();
        builder.Services.AddSingleton<OpenSession>();
    }

    /// <summary>
    /// The one route that can become a WebSocket: the middleware that knows how stands in front of nothing else, so that an
    /// upgrade of any other call is no more than a header that is not passed on.
    /// </summary>
    public static void MapRealtime(this WebApplication app, Upstream upstream, BrokerOptions broker)
    {
        if (upstream.Find(HttpMethods.Get, Handshake.Path) is not { Allowed: { Kind: OperationKind.Realtime } operation })
        {
            return;
        }

        var open = app.Services.GetRequiredService<OpenSession>();
        var pipeline = ((IEndpointRouteBuilder)app).CreateApplicationBuilder()
            .UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(20), KeepAliveTimeout = TimeSpan.FromSeconds(20) });
        pipeline.Run(context => open.HandleAsync(context, upstream, operation));
        app.MapMethods($"/{upstream.Id}/v1{Handshake.Path}", s_methods, pipeline.Build())
            .AllowAnonymous()
            .WithMetadata(GatewayCall.Mark)
            .WithMetadata(new LimitedByItsGrant())
            .WithMetadata(new DescribedAt(ProtectedResources.MetadataAddressOf(broker, upstream.Id)));
    }
}
