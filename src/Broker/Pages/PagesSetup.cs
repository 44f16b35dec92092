using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using TokenBroker.Accounts;
using TokenBroker.Operations;
using TokenBroker.Pages.Consent;
using TokenBroker.Pages.Keys;
using HeaderNames = Microsoft.Net.Http.Headers.HeaderNames;

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
            options.Conventions.AuthorizeFolder("/Operator", Operators.Policy);
            options.Conventions.AllowAnonymousToPage("/Account/SignIn");
            options.Conventions.AllowAnonymousToPage("/Account/SignUp");
            options.Conventions.AllowAnonymousToPage("/Account/SignOut");
            options.Conventions.AllowAnonymousToPage("/Error");

            // It asks for a sign-in itself, since a request with prompt=none must be answered without one.
            options.Conventions.AllowAnonymousToPage("/Consent/Consent");
        });
        builder.Services.AddScoped<UploadForms>();
        builder.Services.AddScoped<StoreKey>();
        builder.Services.AddScoped<TestKey>();
        builder.Services.AddSingleton<KeyTestLimit>();
        builder.Services.AddScoped<ConsentRecord>();
        builder.Services.AddScoped<PrepareConsent>();
        builder.Services.AddScoped<AnswerConsent>();

        // frame-ancestors 'none' says it better: see SecurityHeaders.
        builder.Services.AddAntiforgery(options => options.SuppressXFrameOptionsHeader = true);
        builder.Services.AddOptions<AntiforgeryOptions>().Configure<IOptions<BrokerOptions>>((options, broker) =>
            options.Cookie = new HostCookieBuilder(broker.Value.PublicUrl, "tokenbroker.antiforgery", SameSiteMode.Strict));
        builder.Services.AddOptions<CookieTempDataProviderOptions>().Configure<IOptions<BrokerOptions>>((options, broker) =>
            options.Cookie = new HostCookieBuilder(broker.Value.PublicUrl, "tokenbroker.flash", SameSiteMode.Lax));
        builder.Services.Configure<RouteOptions>(options => options.LowercaseUrls = true);
    }

    /// <summary>Page headers, friendly error pages and assets: goes before authentication and the rate limiter.</summary>
    public static void UsePages(this WebApplication app)
    {
        app.UseSecurityHeaders();

        // In a scope of its own: what the first try left half done, such as a failed look-up of the session, is not met again.
        app.UseStatusCodePagesWithReExecute("/error/{0}", createScopeForStatusCodePages: true);
        app.Use(static (context, next) =>
        {
            if (!IsForPeople(context) && context.Features.Get<IStatusCodePagesFeature>() is { } friendly)
            {
                friendly.Enabled = false;
            }

            return next(context);
        });

        // An exception becomes an empty 500, which people then see as a page, and clients of an API as it is.
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = static _ => Task.CompletedTask,
            StatusCodeSelector = static exception => exception switch
            {
                BadHttpRequestException bad => bad.StatusCode,
                InvalidDataException => StatusCodes.Status400BadRequest, // a form beyond its limits
                _ => StatusCodes.Status500InternalServerError,
            },
        });
        app.UseEmbeddedAssets();
    }

    public static void MapPages(this WebApplication app) => app.MapRazorPages();

    /// <summary>Browsers get pages; clients of the gateway and the token endpoints get the errors of those.</summary>
    private static bool IsForPeople(HttpContext context)
    {
        var path = context.Request.Path;
        var isApi = path.StartsWithSegments("/openai", StringComparison.OrdinalIgnoreCase)
            || path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
            || (path.StartsWithSegments("/connect", StringComparison.OrdinalIgnoreCase)
                && !path.StartsWithSegments("/connect/authorize", StringComparison.OrdinalIgnoreCase)
                && !path.StartsWithSegments("/connect/verify", StringComparison.OrdinalIgnoreCase));
        return !isApi && context.Request.Headers[HeaderNames.Accept].ToString()
            .Contains("text/html", StringComparison.OrdinalIgnoreCase);
    }
}
