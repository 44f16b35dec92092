using TokenBroker.Apps.Api;
using TokenBroker.Apps.Logos;
using TokenBroker.Apps.Owned;
using TokenBroker.Apps.Review;

namespace TokenBroker.Apps;

internal static class AppsSetup
{
    public static void AddApps(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AppRules>();
        builder.Services.AddSingleton<RegisteredOrigins>();
        builder.Services.AddScoped<RegisterApp>();
        builder.Services.AddScoped<RemoveApp>();
        builder.Services.AddOptions<ReviewOptions>().BindConfiguration(ReviewOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddScoped<TesterLimit>();
        builder.Services.AddScoped<ReviewApp>();
        builder.Services.AddScoped<OwnApps>();
        builder.Services.AddScoped<ChangeApp>();
        builder.Services.AddScoped<AppLogos>();
    }

    public static void MapApps(this WebApplication app)
    {
        app.MapLogos();
        app.MapAppsApi();
        app.MapReviewsApi();
    }

    /// <summary>Registers the apps of section <c>Apps</c>. One that is not acceptable stops the start.</summary>
    public static async Task RegisterConfiguredAppsAsync(
        this IServiceProvider services, IConfiguration configuration, CancellationToken cancellationToken)
    {
        var entries = configuration.GetSection("Apps").Get<List<AppRegistration>>() ?? [];
        if (entries.GroupBy(entry => entry.ClientId).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"Apps: '{twice.Key}' is the ClientId of more than one entry.");
        }

        foreach (var entry in entries)
        {
            await using var scope = services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, cancellationToken);
        }
    }
}
