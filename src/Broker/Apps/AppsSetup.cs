namespace TokenBroker.Apps;

internal static class AppsSetup
{
    public static void AddApps(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<RegisterApp>();
    }

    /// <summary>Registers the apps of section <c>Apps</c>. One that is not acceptable stops the start.</summary>
    public static async Task RegisterConfiguredAppsAsync(
        this IServiceProvider services, IConfiguration configuration, CancellationToken cancellationToken)
    {
        foreach (var entry in configuration.GetSection("Apps").Get<List<ConfiguredApp>>() ?? [])
        {
            await using var scope = services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, cancellationToken);
        }
    }
}
