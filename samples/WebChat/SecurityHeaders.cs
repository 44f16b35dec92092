using Microsoft.Extensions.Options;

using TokenBroker.Sdk;

namespace TokenBroker.Samples.WebChat;

internal static class SecurityHeaders
{
    /// <summary>Only this app's own files, and forms that may lead on to the broker's consent page.</summary>
    public static void UseSecurityHeaders(this WebApplication app)
    {
        var broker = new Uri(app.Services.GetRequiredService<IOptions<TokenBrokerOptions>>().Value.Authority).GetLeftPart(UriPartial.Authority);
        var policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
            $"form-action 'self' {broker}; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

        app.Use((http, next) =>
        {
            http.Response.Headers.ContentSecurityPolicy = policy;
            http.Response.Headers.XContentTypeOptions = "nosniff";
            http.Response.Headers["Referrer-Policy"] = "no-referrer";
            return next(http);
        });
    }
}
