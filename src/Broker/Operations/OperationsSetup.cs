using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using TokenBroker.Storage;
using IPNetwork = System.Net.IPNetwork;

namespace TokenBroker.Operations;

internal static class OperationsSetup
{
    private const string HostDiagnostics = "Microsoft.AspNetCore.Hosting.Diagnostics";

    public static void AddOperations(this WebApplicationBuilder builder)
    {
        // A request body is refused here unless a route says otherwise: no form of ours is larger.
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ReadLengthsPlainly();
            kestrel.Limits.MaxRequestBodySize = 256 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });

        // Unless told otherwise it listens where people and apps find it.
        if (string.IsNullOrEmpty(builder.Configuration["urls"]))
        {
            builder.WebHost.UseUrls(builder.Configuration["Broker:PublicUrl"] ?? new BrokerOptions().BaseAddress);
        }

        // What the database is asked is of interest to few, and its parameters to nobody.
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("OpenIddict", LogLevel.Warning);

        // With this category on at any level the host makes an activity and a logging scope for each request. Where
        // somebody listens to traces it makes the activity all the same.
        if (builder.Configuration[$"Logging:LogLevel:{HostDiagnostics}"] is null)
        {
            builder.Logging.AddFilter(HostDiagnostics, LogLevel.None);
        }

        builder.AddCurrentContext();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.AddAddressLimits();
        builder.Services.AddOptions<ForwardedHeadersOptions>().Configure<IOptions<BrokerOptions>>(TrustProxies);
        builder.Services.AddSingleton<DataDirectoryUse>();
        builder.Services.AddHostedService<Startup>();
        builder.Services.AddOptions<PruningOptions>().BindConfiguration("Pruning").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddHostedService<Pruning>();
        builder.Services.AddHealthChecks().AddCheck<DatabaseCheck>("database");
    }

    /// <summary>Before calls: where a proxy stands in front, it says who calls.</summary>
    public static void UseTrustedProxies(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<BrokerOptions>>().Value.TrustedProxies.Count > 0)
        {
            app.UseForwardedHeaders();
        }
    }

    public static void UseOperations(this WebApplication app)
    {
        app.UseCurrentContext();
        app.Use(static (context, next) =>
        {
            // A redirect after a POST becomes a GET for every client (RFC 9110, section 15.4.4; RFC 9700, section 4.12).
            if (HttpMethods.IsPost(context.Request.Method))
            {
                context.Response.OnStarting(static state =>
                {
                    var response = ((HttpContext)state).Response;
                    if (response.StatusCode == StatusCodes.Status302Found)
                    {
                        response.StatusCode = StatusCodes.Status303SeeOther;
                    }

                    return Task.CompletedTask;
                }, context);
            }

            return next(context);
        });
    }

    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new() { Predicate = static _ => false }).AllowAnonymous();
        app.MapHealthChecks("/health/ready").AllowAnonymous();
    }

    private static void TrustProxies(ForwardedHeadersOptions forwarded, IOptions<BrokerOptions> broker)
    {
        forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
        forwarded.AllowedHosts = [broker.Value.PublicUrl.Host];
        forwarded.KnownIPNetworks.Clear();
        forwarded.KnownProxies.Clear();
        foreach (var proxy in broker.Value.TrustedProxies)
        {
            forwarded.KnownIPNetworks.Add(
                IPNetwork.TryParse(proxy, out var network) ? network
                : IPAddress.TryParse(proxy, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
                : throw new InvalidOperationException($"Broker:TrustedProxies: '{proxy}' is neither an address nor a network such as 10.0.0.0/8."));
        }
    }

    private sealed class DatabaseCheck(IServiceScopeFactory scopes) : Microsoft.Extensions.Diagnostics.HealthChecks.IHealthCheck
    {
        public async Task<Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult> CheckHealthAsync(
            Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await using var scope = scopes.CreateAsyncScope();
            return await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Database.CanConnectAsync(cancellationToken)
                ? Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult.Healthy()
                : Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult.Unhealthy("The database does not answer.");
        }
    }
}
