using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace TokenBroker.Sdk.Connecting;

/// <summary>
/// The two cookies of the SDK: the browser's id where nobody is signed in, and one for each connect that is under way.
/// Both are sealed with Data Protection, HttpOnly and SameSite=Lax (the broker's redirect back must carry them). Over
/// https they are Secure with the <c>__Host-</c> prefix, so that a sibling subdomain cannot plant its own connection. Names
/// hold a hash of broker and client id, because cookies do not tell ports of one host apart.
/// </summary>
internal sealed class AppCookies(IDataProtectionProvider protection, IOptions<TokenBrokerOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan ConnectTime = TimeSpan.FromMinutes(15);

    /// <summary>Connects under way in one browser, such as tabs. More would make every request's headers too large.</summary>
    private const int MostUnderWay = 5;

    private readonly IDataProtector browserSeal = protection.CreateProtector("TokenBroker.Sdk", "browser.v1");
    private readonly IDataProtector pendingSeal = protection.CreateProtector("TokenBroker.Sdk", "connect.v1");
    private readonly string prefix = "tokenbroker.app." + Hash(options.Value.Authority + "\n" + options.Value.ClientId);

    public string? ReadBrowser(HttpContext http) => Open(browserSeal, http.Request.Cookies[Name(http, "id")]);

    /// <summary>A new id at each connect: an id that somebody planted before never comes to hold tokens.</summary>
    public string StartBrowser(HttpContext http)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        http.Response.Cookies.Append(Name(http, "id"), browserSeal.Protect(id), Cookie(http, TimeSpan.FromDays(90)));
        return id;
    }

    public void EndBrowser(HttpContext http) => http.Response.Cookies.Delete(Name(http, "id"), Cookie(http, null));

    public PendingConnect StartConnect(HttpContext http, string returnUrl, string redirectUri, string? userId)
    {
        var pending = new PendingConnect
        {
            State = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)),
            Verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)),
            ReturnUrl = returnUrl,
            RedirectUri = redirectUri,
            UserId = userId,
            ExpiresAt = clock.GetUtcNow() + ConnectTime,
        };
        ForgetWhereTooMany(http);
        http.Response.Cookies.Append(Name(http, Hash(pending.State)), pendingSeal.Protect(JsonSerializer.Serialize(pending)), Cookie(http, ConnectTime));
        return pending;
    }

    /// <summary>The connect that this browser began with this state, once; null where it began none, or too long ago.</summary>
    public PendingConnect? TakeConnect(HttpContext http, string state)
    {
        var name = Name(http, Hash(state));
        if (Open(pendingSeal, http.Request.Cookies[name]) is not { } json)
        {
            return null;
        }

        http.Response.Cookies.Delete(name, Cookie(http, null));
        var pending = JsonSerializer.Deserialize<PendingConnect>(json);
        var same = pending is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(pending.State), Encoding.UTF8.GetBytes(state));
        return same && pending!.ExpiresAt > clock.GetUtcNow() ? pending : null;
    }

    private void ForgetWhereTooMany(HttpContext http)
    {
        var underWay = http.Request.Cookies.Keys
            .Where(name => name.StartsWith(Name(http, ""), StringComparison.Ordinal) && name != Name(http, "id"))
            .ToList();
        if (underWay.Count >= MostUnderWay)
        {
            underWay.ForEach(name => http.Response.Cookies.Delete(name, Cookie(http, null)));
        }
    }

    private string Name(HttpContext http, string what) => $"{(http.Request.IsHttps ? "__Host-" : "")}{prefix}.{what}";

    private static string? Open(IDataProtector seal, string? value)
    {
        try
        {
            return string.IsNullOrEmpty(value) ? null : seal.Unprotect(value);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static CookieOptions Cookie(HttpContext http, TimeSpan? maxAge) => new()
    {
        HttpOnly = true,
        IsEssential = true,
        MaxAge = maxAge,
        Path = "/",
        SameSite = SameSiteMode.Lax,
        Secure = http.Request.IsHttps,
    };

    private static string Hash(string value) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)).AsSpan(0, 6));
}
