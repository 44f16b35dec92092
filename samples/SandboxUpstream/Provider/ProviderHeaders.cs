using System.Globalization;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>
/// The response headers that the provider and its edge send with every answer. Several of them name the account, and a
/// broker must not pass those on: that is why they are here.
/// </summary>
internal static class ProviderHeaders
{
    /// <summary>The organization that every key of the sandbox belongs to.</summary>
    public const string Organization = "org-sandbox";

    /// <summary>The project that every key of the sandbox belongs to.</summary>
    public const string Project = "proj_sandbox";

    public static void Set(Call call)
    {
        var headers = call.Response.Headers;
        headers["x-request-id"] = call.Id("req_", 32);
        headers["openai-version"] = "2020-10-01";
        headers["openai-processing-ms"] = "12";
        headers["server"] = "cloudflare";
        headers["cf-ray"] = $"{call.Id("", 16)}-SBX";
        headers["cf-cache-status"] = "DYNAMIC";
        headers["alt-svc"] = "h3=\":443\"; ma=86400";
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains; preload";
        headers["x-content-type-options"] = "nosniff";
        headers.Append("set-cookie", $"__cf_bm={call.Id("", 43)}; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None");
        headers.Append("set-cookie", $"_cfuvid={call.Id("", 36)}; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None");
    }

    /// <summary>What is known once the key is: whose account it is, and what is left of its rate.</summary>
    public static void SetAccount(Call call, bool isInference)
    {
        var headers = call.Response.Headers;
        headers["openai-organization"] = Organization;
        headers["openai-project"] = Project;
        if (isInference)
        {
            Rate(headers, "requests", "10000", "9999", "6ms");
            Rate(headers, "tokens", "2000000", "1999000", "30ms");
        }
    }

    public static void Exhaust(Call call, TimeSpan wait)
    {
        var seconds = wait.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + "s";
        Rate(call.Response.Headers, "requests", "500", "0", seconds);
        RetryAfter(call, wait);
    }

    public static void RetryAfter(Call call, TimeSpan wait)
    {
        call.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        call.Response.Headers["retry-after-ms"] = wait.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
    }

    private static void Rate(IHeaderDictionary headers, string what, string limit, string remaining, string reset)
    {
        headers[$"x-ratelimit-limit-{what}"] = limit;
        headers[$"x-ratelimit-remaining-{what}"] = remaining;
        headers[$"x-ratelimit-reset-{what}"] = reset;
    }
}
