namespace TokenBroker.Pages;

/// <summary>
/// The pages' small cookies. Where people use https they carry the <c>__Host-</c> prefix and are Secure, even if a proxy
/// speaks http to us: a neighbour under the same domain cannot plant a token against forgery that it knows.
/// </summary>
internal sealed class HostCookieBuilder : CookieBuilder
{
    private readonly bool _isHttps;

    public HostCookieBuilder(Uri publicUrl, string name, SameSiteMode sameSite)
    {
        _isHttps = publicUrl.Scheme == Uri.UriSchemeHttps;
        Name = _isHttps ? "__Host-" + name : name;
        SameSite = sameSite;
        HttpOnly = true;
        IsEssential = true;
        Path = "/";
        SecurePolicy = CookieSecurePolicy.SameAsRequest;
    }

    public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
    {
        var options = base.Build(context, expiresFrom);
        options.Secure = _isHttps;
        return options;
    }
}
