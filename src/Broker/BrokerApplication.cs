using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Audit;
using TokenBroker.Authorization;
using TokenBroker.Authorization.Browsers;
using TokenBroker.Credit;
using TokenBroker.Credit.Api;
using TokenBroker.Custody;
using TokenBroker.Gateway;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Notices;
using TokenBroker.Operations;
using TokenBroker.Pages;
using TokenBroker.Safety;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker;

/// <summary>The composition root: what the broker is made of, and the order in which a request meets it.</summary>
public static class BrokerApplication
{
    /// <summary>Builds the broker. It listens once it is started.</summary>
    /// <param name="args">Configuration as <c>--Section:Key=value</c>.</param>
    /// <param name="customise">Adds to the builder after the broker's own services, such as another clock.</param>
    public static WebApplication Create(string[] args, Action<WebApplicationBuilder>? customise = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = typeof(BrokerApplication).Assembly.GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
        });

        builder.AddOperations();
        builder.AddTelemetry();
        builder.AddStorage();
        builder.AddAudit();
        builder.AddCustody();
        builder.AddSealedDataProtection();
        builder.AddAccounts();
        builder.AddUpstreams();
        builder.AddApps();
        builder.AddGrants();
        builder.AddNotices();
        builder.AddAuthorizationServer();
        builder.AddSafety();
        builder.AddMetering();
        builder.AddCredit();
        builder.AddGateway();
        builder.AddPages();
        customise?.Invoke(builder);

        var app = builder.Build();
        app.UsePlainFraming();
        app.UseTrustedProxies();
        app.UseRouting();
        app.UseGateway();
        app.UseOperations();
        app.UsePages();
        app.UseBrowserAccess();
        app.UseRateLimiter();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseNothingNew();

        app.MapHealth();
        app.MapAccounts();
        app.MapApps();
        app.MapAuthorizationServer();
        app.MapSafetyApi();
        app.MapCreditApi();
        app.MapGateway();
        app.MapPages();
        return app;
    }
}
