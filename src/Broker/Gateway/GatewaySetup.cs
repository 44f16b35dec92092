using Microsoft.Extensions.Options;
using TokenBroker.Authorization.Discovery;
using TokenBroker.Operations;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

internal static class GatewaySetup
{
    public static void AddGateway(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<GatewayOptions>().BindConfiguration("Gateway").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<LiveGrants>();
        builder.Services.AddSingleton<SeenProofs>();
        builder.Services.AddSingleton<SenderCheck>();
        builder.Services.AddSingleton<Callers>();
        builder.Services.AddSingleton<StrangerLimit>();
        builder.Services.AddSingleton<GrantLimits>();
        builder.Services.AddSingleton<RequestBody>();
        builder.Services.AddSingleton<Admission>();
        builder.Services.AddSingleton<Forwarding>();
        builder.Services.AddSingleton<KeyHealth>();
        builder.Services.AddSingleton<CallKeys>();
        builder.Services.AddSingleton<ForwardCall>();
        builder.Services.AddScoped<GrantEndpoint>();
        builder.Services.AddHostedService<Upkeep>();
    }

    /// <summary>
    /// A call goes to its endpoint straight from routing. Sessions, and the OAuth server's look at each request, are not
    /// for it: its token is judged by <see cref="Callers"/>. A page of another origin takes the long way, for the sake
    /// of CORS.
    /// </summary>
    public static void UseGateway(this WebApplication app) =>
        app.Use(static (context, next) =>
            context.GetEndpoint() is { RequestDelegate: { } call } endpoint
            && endpoint.Metadata.GetMetadata<LimitedByItsGrant>() is not null
            && context.Request.Headers.Origin.Count == 0
                ? call(context)
                : next(context));

    /// <summary>What an app may ask about its grant, and one route for each upstream; what the catalogue does not list is refused inside.</summary>
    public static void MapGateway(this WebApplication app)
    {
        app.MapGet("/api/v1/grant", (HttpContext context, GrantEndpoint endpoint) => endpoint.HandleAsync(context)).AllowAnonymous();
        var broker = app.Services.GetRequiredService<IOptions<BrokerOptions>>().Value;
        var forward = app.Services.GetRequiredService<ForwardCall>();
        foreach (var upstream in app.Services.GetRequiredService<Catalogue>().All)
        {
            app.Map($"/{upstream.Id}/{{**path}}", context => forward.HandleAsync(context, upstream))
                .AllowAnonymous()
                .DisableAntiforgery()
                .WithMetadata(new LimitedByItsGrant())
                .WithMetadata(new DescribedAt(ProtectedResources.MetadataAddressOf(broker, upstream.Id)))
                .WithMetadata(new Microsoft.AspNetCore.Mvc.DisableRequestSizeLimitAttribute());
        }
    }
}
