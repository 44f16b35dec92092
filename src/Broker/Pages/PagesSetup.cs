using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using TokenBroker.Pages.Consent;
using TokenBroker.Pages.Keys;

namespace TokenBroker.Pages;

internal static class PagesSetup
{
    /// <summary>Razor Pages that ask for a signed-in person unless they are listed here.</summary>
    public static void AddPages(this WebApplicationBuilder builder)
    {
        builder.AddEmbeddedAssets();
        builder.Services.AddRazorPages(options =>
        {
            options.Conventions.AuthorizeFolder("/");
            options.Conventions.AllowAnonymousToPage("/Account/SignIn");
            options.Conventions.AllowAnonymousToPage("/Account/SignUp");
            options.Conventions.AllowAnonymousToPage("/Account/SignOut");
            options.Conventions.AllowAnonymousToPage("/Error");

            // It asks for a sign-in itself, since a request with prompt=none must be answered without one.
            options.Conventions.AllowAnonymousToPage("/Consent/Consent");
        });
        builder.Services.AddScoped<StoreKey>();
        builder.Services.AddScoped<ConsentRecord>();
        builder.Services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "tokenbroker.antiforgery";
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;

            // frame-ancestors 'none' says it better: see SecurityHeaders.
            options.SuppressXFrameOptionsHeader = true;
        });
        builder.Services.Configure<CookieTempDataProviderOptions>(options =>
        {
            options.Cookie.Name = "tokenbroker.flash";
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        });
        builder.Services.Configure<RouteOptions>(options => options.LowercaseUrls = true);
    }

    /// <summary>Page headers, friendly error pages and assets: goes before authentication and the rate limiter.</summary>
    public static void UsePages(this WebApplication app)
    {
        app.UseSecurityHeaders();
        app.UseStatusCodePagesWithReExecute("/error/{0}");
        app.Use(static (context, next) =>
        {
            if (!IsForPeople(context) && context.Features.Get<IStatusCodePagesFeature>() is { } friendly)
            {
                friendly.Enabled = false;
            }

            return next(context);
        });

        // An exception becomes an empty 500, which people then see as a page, and clients of an API as it is.
        app.UseExceptionHandler(static failed => failed.Run(static _ => Task.CompletedTask));
        app.UseEmbeddedAssets();
    }

    public static void MapPages(this WebApplication app) => app.MapRazorPages();

    /// <summary>Browsers get pages; clients of the gateway and the token endpoints get the errors of those.</summary>
    private static bool IsForPeople(HttpContext context)
    {
        var path = context.Request.Path;
        var isApi = path.StartsWithSegments("/openai", StringComparison.OrdinalIgnoreCase)
            || (path.StartsWithSegments("/connect", StringComparison.OrdinalIgnoreCase)
                && !path.StartsWithSegments("/connect/authorize", StringComparison.OrdinalIgnoreCase)
                && !path.StartsWithSegments("/connect/verify", StringComparison.OrdinalIgnoreCase));
        return !isApi && context.Request.Headers[HeaderNames.Accept].ToString()
            .Contains("text/html", StringComparison.OrdinalIgnoreCase);
    }
}
