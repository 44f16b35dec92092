using System.Net;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace TokenBroker.Accounts;

/// <summary>
/// Gives a cookie the <c>__Host-</c> prefix: only this very host, over https, could have set it (RFC 6265bis), so a
/// neighbour under the same domain cannot plant a session. On a loopback host over http, where a browser would refuse
/// such a cookie, the plain name serves. Anywhere else the cookie stays Secure: without https nobody stays signed in.
/// </summary>
internal sealed class HostCookies : ICookieManager
{
    private readonly ChunkingCookieManager _inner = new();

    public string? GetRequestCookie(HttpContext context, string key) =>
        _inner.GetRequestCookie(context, NameOf(context, key));

    public void AppendResponseCookie(HttpContext context, string key, string? value, CookieOptions options) =>
        _inner.AppendResponseCookie(context, NameOf(context, key), value, Fit(context, options));

    public void DeleteCookie(HttpContext context, string key, CookieOptions options) =>
        _inner.DeleteCookie(context, NameOf(context, key), Fit(context, options));

    private static string NameOf(HttpContext context, string key) => IsPlain(context.Request) ? key : "__Host-" + key;

    private static CookieOptions Fit(HttpContext context, CookieOptions options)
    {
        options.Secure = !IsPlain(context.Request);
        options.Path = "/";
        options.Domain = null;
        return options;
    }

    private static bool IsPlain(HttpRequest request)
    {
        var host = request.Host.Host;
        return !request.IsHttps
            && (host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
                || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)));
    }
}
