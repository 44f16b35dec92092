using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Accounts;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.PushedRequests;

/// <summary>
/// A pushed request (RFC 9126) from its arrival in a browser to its one answer. The app's <c>request_uri</c> lives for
/// 90 seconds and works once, but the person may have to sign up, add a key and read: so the first visit takes it, by
/// one conditional UPDATE, and gives the browser a <c>request_uri</c> of the broker's own in its place.
/// </summary>
/// <remarks>
/// The invariants: a pushed request is taken once and answered with at most one code; the broker's own request_uri is
/// of use only in the browser that took the pushed one (a cookie says which), for half an hour, and stands for exactly
/// the parameters that were pushed and validated. They are kept, sealed, in the pushed request's own row: whoever reads
/// an address learns nothing and can change nothing.
/// </remarks>
internal sealed class PendingRequests(BrokerDbContext db, IDataProtectionProvider protection, TimeProvider time)
{
    /// <summary>What the broker's own request_uri begins with; the rest names the row.</summary>
    public const string Prefix = "urn:tokenbroker:consent:";

    /// <summary>For signing up, adding a key and reading, reloads included.</summary>
    public static readonly TimeSpan TimeToAnswer = TimeSpan.FromMinutes(30);

    private const string Cookie = "tokenbroker.request";
    private const string Purpose = "TokenBroker.PushedRequest";

    private static readonly HostCookies s_cookies = new();

    public static bool IsOurs(string? requestUri) => requestUri?.StartsWith(Prefix, StringComparison.Ordinal) == true;

    /// <summary>Takes a pushed request that OpenIddict has validated, for this browser.</summary>
    /// <returns>The request_uri to go on with; null where another visit took it first.</returns>
    public async Task<string?> TakeAsync(HttpContext context, Guid id, OpenIddictRequest request)
    {
        var browser = BrowserOf(context) ?? WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));
        var kept = new Kept(HashOf(browser), JsonSerializer.SerializeToElement(new OpenIddictRequest(request.GetParameters()) { RequestUri = null }));
        var payload = ProtectorOf(id).Protect(JsonSerializer.Serialize(kept));
        var now = time.GetUtcNow().UtcDateTime;
        var end = now + TimeToAnswer;
        var taken = await db.Tokens
            .Where(t => t.Id == id && t.Status == Statuses.Valid && t.ExpirationDate > now)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(t => t.Status, Statuses.Redeemed)
                    .SetProperty(t => t.RedemptionDate, now)
                    .SetProperty(t => t.ExpirationDate, end)
                    .SetProperty(t => t.Payload, payload),
                context.RequestAborted);
        if (taken == 0)
        {
            return null;
        }

        s_cookies.AppendResponseCookie(context, Cookie, browser, new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,

            // The way from the sign-in and reloads are this site's own, but the first visit of the next app is not.
            SameSite = SameSiteMode.Lax,
        });
        return Prefix + id.ToString("N");
    }

    /// <summary>What was pushed, while it waits for its answer in this browser; else null.</summary>
    public async Task<OpenIddictRequest?> FindAsync(HttpContext context, string requestUri)
    {
        if (IdOf(requestUri) is not { } id || BrowserOf(context) is not { } browser)
        {
            return null;
        }

        var now = time.GetUtcNow().UtcDateTime;
        var payload = await db.Tokens.AsNoTracking()
            .Where(t => t.Id == id && t.Type == TokenTypeIdentifiers.Private.RequestToken && t.Status == Statuses.Redeemed && t.ExpirationDate > now)
            .Select(t => t.Payload)
            .FirstOrDefaultAsync(context.RequestAborted);
        if (payload is null || Open(id, payload) is not { } kept || !CryptographicOperations.FixedTimeEquals(kept.Browser, HashOf(browser)))
        {
            return null;
        }

        return new OpenIddictRequest(kept.Parameters) { RequestUri = requestUri };
    }

    /// <summary>Notes that the answer is given.</summary>
    /// <returns>False where one was given before.</returns>
    public async Task<bool> TryAnswerAsync(string requestUri, CancellationToken cancellationToken) =>
        IdOf(requestUri) is { } id
        && await db.Tokens
            .Where(t => t.Id == id && t.Type == TokenTypeIdentifiers.Private.RequestToken && t.Status == Statuses.Redeemed)
            .ExecuteUpdateAsync(
                set => set.SetProperty(t => t.Status, Statuses.Revoked).SetProperty(t => t.Payload, (string?)null),
                cancellationToken) == 1;

    private static Guid? IdOf(string requestUri) =>
        IsOurs(requestUri) && Guid.TryParseExact(requestUri[Prefix.Length..], "N", out var id) ? id : null;

    private static string? BrowserOf(HttpContext context) => s_cookies.GetRequestCookie(context, Cookie) is { Length: 43 } value ? value : null;

    private static byte[] HashOf(string browser) => SHA256.HashData(Encoding.UTF8.GetBytes(browser));

    private IDataProtector ProtectorOf(Guid id) => protection.CreateProtector(Purpose, id.ToString());

    private Kept? Open(Guid id, string payload)
    {
        try
        {
            return JsonSerializer.Deserialize<Kept>(ProtectorOf(id).Unprotect(payload));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private sealed record Kept(byte[] Browser, JsonElement Parameters);
}
