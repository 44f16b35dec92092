using Microsoft.AspNetCore.Cors.Infrastructure;

namespace TokenBroker.Authorization.Browsers;

internal static class BrowsersSetup
{
    public static void AddBrowserAccess(this IServiceCollection services)
    {
        services.AddCors();
        services.AddSingleton<ICorsPolicyProvider, BrowserAccess>();
    }

    /// <summary>
    /// Goes before the rate limiter and the OAuth endpoints, so that their refusals can be read too. A preflight ends here.
    /// </summary>
    public static void UseBrowserAccess(this IApplicationBuilder app) => app.UseCors();
}
