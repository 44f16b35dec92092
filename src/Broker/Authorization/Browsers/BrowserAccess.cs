using System.Collections.Frozen;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Net.Http.Headers;
using TokenBroker.Apps;
using TokenBroker.Upstreams;

namespace TokenBroker.Authorization.Browsers;

/// <summary>
/// What a page of another origin may read (CORS). Metadata and keys are anybody's. The endpoints that a single-page app
/// calls (the token endpoint and its like, the gateway, the app's own grant) answer registered origins by name; an
/// origin that is not registered is never reflected. Everything else answers no CORS at all, the authorization endpoint
/// first of all: people are sent there, no script reads it. Cookies are never part of it.
/// </summary>
internal sealed class BrowserAccess(RegisteredOrigins origins, Catalogue catalogue) : ICorsPolicyProvider
{
    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    private static readonly FrozenSet<string> s_public = FrozenSet.ToFrozenSet(
    [
        "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks",
    ]);

    private static readonly FrozenSet<string> s_ofApps = FrozenSet.ToFrozenSet(["/connect/token", "/connect/par", "/connect/revoke", "/connect/device"]);

    // Of OpenAI's JavaScript client too: it names itself in headers of its own, which go no further than here.
    private static readonly FrozenSet<string> s_requestHeaders = FrozenSet.ToFrozenSet(
        [HeaderNames.Authorization, "DPoP", HeaderNames.ContentType, HeaderNames.Accept, HeaderNames.UserAgent], StringComparer.OrdinalIgnoreCase);

    private static readonly string[] s_responseHeaders =
    [
        "DPoP-Nonce", HeaderNames.WWWAuthenticate, HeaderNames.RetryAfter, "Retry-After-Ms", "X-Should-Retry", "X-Request-Id", "TokenBroker-Request-Id",
    ];

    public async Task<CorsPolicy?> GetPolicyAsync(HttpContext context, string? policyName)
    {
        ArgumentNullException.ThrowIfNull(context);
        var path = context.Request.Path;
        if (IsPublic(path))
        {
            return new CorsPolicyBuilder().AllowAnyOrigin().WithMethods("GET").SetPreflightMaxAge(PreflightAge).Build();
        }

        if (MethodsOf(path) is not { } methods)
        {
            return null;
        }

        var origin = context.Request.Headers.Origin.ToString();
        var allowed = await origins.ContainAsync(origin, context.RequestAborted);
        return new CorsPolicyBuilder()
            .SetIsOriginAllowed(_ => allowed)
            .WithMethods(methods)
            .WithHeaders([.. AskedHeaders(context.Request).Where(IsAllowed)])
            .WithExposedHeaders(s_responseHeaders)
            .SetPreflightMaxAge(PreflightAge)
            .Build();
    }

    private static bool IsPublic(PathString path) =>
        s_public.Contains(path.Value ?? "") || path.StartsWithSegments("/.well-known/oauth-protected-resource", StringComparison.Ordinal);

    private string[]? MethodsOf(PathString path) =>
        s_ofApps.Contains(path.Value ?? "") ? ["POST"]
        : path.Equals("/api/v1/grant", StringComparison.Ordinal) ? ["GET"]
        : catalogue.All.Any(upstream => path.StartsWithSegments($"/{upstream.Id}/v1", StringComparison.Ordinal)) ? ["GET", "POST", "DELETE"]
        : null;

    private static bool IsAllowed(string header) =>
        s_requestHeaders.Contains(header) || header.StartsWith("x-stainless-", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> AskedHeaders(HttpRequest request) =>
        request.Headers.AccessControlRequestHeaders.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Take(50);
}
