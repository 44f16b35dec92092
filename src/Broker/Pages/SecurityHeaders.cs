using Microsoft.AspNetCore.Mvc.RazorPages;

namespace TokenBroker.Pages;

/// <summary>
/// The headers of every page. The policy answers injected markup (no inline script or style, no foreign host, no
/// string becomes script: Trusted Types), clickjacking (<c>frame-ancestors</c>), forms that post elsewhere
/// (<c>form-action</c>), and leaks through caches, referrers and opened windows. Only pages get them: gateway and
/// token answers set their own.
/// </summary>
internal static class SecurityHeaders
{
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "font-src 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; " +
        "trusted-types 'none'; form-action 'self'";

    private static readonly object FormTargets = new();

    public static void UseSecurityHeaders(this IApplicationBuilder app) =>
        app.Use(static (context, next) =>
        {
            context.Response.OnStarting(static state => Apply((HttpContext)state), context);
            return next(context);
        });

    /// <summary>
    /// Lets a form of this page end at an app's redirect URI. Chromium holds the redirects after a post to
    /// <c>form-action</c> as well (w3c/webappsec-csp issue 8), so the consent page must name the one origin that its
    /// post will go on to. The caller has validated the URI against the app's registration.
    /// </summary>
    public static void AllowFormRedirectTo(this HttpContext context, Uri redirectUri)
    {
        ArgumentNullException.ThrowIfNull(redirectUri);
        if (context.Items[FormTargets] is not HashSet<string> targets)
        {
            context.Items[FormTargets] = targets = new HashSet<string>(StringComparer.Ordinal);
        }

        targets.Add(SourceOf(redirectUri));
    }

    /// <summary>The URI as a CSP source: its origin, or its scheme where the grammar has no way to write the host.</summary>
    private static string SourceOf(Uri uri)
    {
        var web = uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps;
        if (!web || uri.HostNameType == UriHostNameType.IPv6)
        {
            return uri.Scheme + ":";
        }

        return uri.IsDefaultPort ? $"{uri.Scheme}://{uri.IdnHost}" : $"{uri.Scheme}://{uri.IdnHost}:{uri.Port}";
    }

    private static Task Apply(HttpContext context)
    {
        var response = context.Response;
        var isPage = context.GetEndpoint()?.Metadata.GetMetadata<PageActionDescriptor>() is not null
            || (response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) ?? false);
        if (!isPage)
        {
            return Task.CompletedTask;
        }

        var headers = response.Headers;
        headers.ContentSecurityPolicy = context.Items[FormTargets] is HashSet<string> targets
            ? $"{Policy} {string.Join(' ', targets)}"
            : Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] =
            "camera=(), geolocation=(), microphone=(), payment=(), usb=(), " +
            "publickey-credentials-create=(self), publickey-credentials-get=(self)";
        headers.CacheControl = "no-store";
        headers.Remove("Pragma");
        return Task.CompletedTask;
    }
}
