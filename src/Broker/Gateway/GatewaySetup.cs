using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using TokenBroker.Authorization.Browsers;
using TokenBroker.Authorization.Discovery;
using TokenBroker.Operations;
using TokenBroker.Storage;
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
        builder.Services.AddSingleton<Rates>();
        builder.Services.AddSingleton<RequestBody>();
        builder.Services.AddSingleton<ObjectOwners>();
        builder.Services.AddSingleton<ObjectCheck>();
        builder.Services.AddSingleton<OwnedLists>();
        builder.Services.AddSingleton<CallObjects>();
        builder.Services.AddSingleton<Admission>();
        builder.Services.AddSingleton<Departures>();
        builder.Services.AddSingleton<Forwarding>();
        builder.Services.AddSingleton<KeyHealth>();
        builder.Services.AddSingleton<CallKeys>();
        builder.Services.AddSingleton<Clearance>();
        builder.Services.AddSingleton<ForwardCall>();
        builder.AddRealtime();
        builder.Services.AddScoped<GrantEndpoint>();
        builder.Services.AddHostedService<Upkeep>();
        if (StorageOptions.Of(builder.Configuration).IsPostgreSql)
        {
            builder.Services.AddHostedService<HearChanges>();
        }

        builder.Services.AddSingleton<ProviderReads>();
        builder.Services.AddSingleton<BatchRules>();
        builder.Services.AddSingleton<ReserveBatch>();
        builder.Services.AddSingleton<BatchReport>();
        builder.Services.AddSingleton<JobReport>();
        builder.Services.AddHostedService<JobPolls>();
    }

    /// <summary>
    /// Calls leave the pipeline here, before all that pages and the authorization server need. Their token is theirs alone
    /// to read: whoever authenticates users would look at each of them first, and cost more than everything that the gateway
    /// does. A call from a page of another origin meets what browsers ask for on its way.
    /// </summary>
    public static void UseGateway(this IApplicationBuilder app)
    {
        app.Use(static (context, next) => CallOf(context) is { } call && !context.Request.Headers.ContainsKey(HeaderNames.Origin) ? call(context) : next(context));
        app.UseWhen(
            static context => context.GetEndpoint()?.Metadata.GetMetadata<GatewayCall>() is not null,
            static calls =>
            {
                calls.UseBrowserAccess();
                calls.Run(static context => CallOf(context)!(context));
            });
    }

    private static RequestDelegate? CallOf(HttpContext context) =>
        context.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<GatewayCall>() is not null ? endpoint.RequestDelegate : null;

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
                .WithMetadata(GatewayCall.Mark)
                .WithMetadata(new LimitedByItsGrant())
                .WithMetadata(new DescribedAt(ProtectedResources.MetadataAddressOf(broker, upstream.Id)))
                .WithMetadata(new Microsoft.AspNetCore.Mvc.DisableRequestSizeLimitAttribute());
            app.MapRealtime(upstream, broker);
        }

        app.MapAddressWithoutUpstream(broker);
    }

    /// <summary>The commonest mistake in a base URL: a client that forgets the upstream is told what there is.</summary>
    private static void MapAddressWithoutUpstream(this WebApplication app, BrokerOptions broker)
    {
        var upstreams = app.Services.GetRequiredService<Catalogue>().All.Select(upstream => $"{broker.BaseAddress}/{upstream.Id}/v1").Order(StringComparer.Ordinal);
        var error = GatewayError.NoUpstream(string.Join(", ", upstreams));
        app.Map("/v1/{**path}", context =>
        {
            context.TraceIdentifier = "req_" + Guid.CreateVersion7().ToString("N");
            return error.WriteAsync(context, broker.BaseAddress);
        }).AllowAnonymous().DisableAntiforgery();
    }
}

/// <summary>Marks the routes whose requests are calls: <see cref="GatewaySetup.UseGateway"/> ends the pipeline for them.</summary>
internal sealed class GatewayCall
{
    public static readonly GatewayCall Mark = new();

    private GatewayCall()
    {
    }
}
