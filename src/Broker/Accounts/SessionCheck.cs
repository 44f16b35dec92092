using System.Net.Mime;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using TokenBroker.Storage;

namespace TokenBroker.Accounts;

/// <summary>
/// Holds every cookie to its row in the database: one query a request. A session that was ended, sat idle, is past
/// its absolute end, whose user is gone or whose credentials have changed is refused there and then, whoever holds
/// the cookie. What is not known is refused.
/// </summary>
internal sealed class SessionCheck(
    BrokerDbContext db,
    IOptions<IdentityOptions> identity,
    IOptions<AccountsOptions> options,
    TimeProvider time) : CookieAuthenticationEvents
{
    /// <summary>Being seen is written at most this often, so that reading pages does not write to the database.</summary>
    private static readonly TimeSpan SeenEvery = TimeSpan.FromMinutes(1);

    public override async Task ValidatePrincipal(CookieValidatePrincipalContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.HttpContext.Features.Get<IStatusCodeReExecuteFeature>() is not null)
        {
            // An error page shows nothing of the person, and must come even where the look-up is what failed.
            context.RejectPrincipal();
            return;
        }

        var cancellationToken = context.HttpContext.RequestAborted;
        if (await FindAsync(context.Principal, cancellationToken) is not { } current)
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(IdentityConstants.ApplicationScheme);
            return;
        }

        context.HttpContext.Features.Set(current);
        if (current.IsOperator)
        {
            // For this request alone: the cookie never says it.
            context.Principal!.AddIdentity(new ClaimsIdentity([Operators.Claim()]));
        }
    }

    /// <summary>Scripts that ask for data get a status, not the sign-in page.</summary>
    public override Task RedirectToLogin(RedirectContext<CookieAuthenticationOptions> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var accept = context.Request.Headers[HeaderNames.Accept].ToString();
        if (!accept.StartsWith(MediaTypeNames.Application.Json, StringComparison.OrdinalIgnoreCase))
        {
            return base.RedirectToLogin(context);
        }

        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        return context.Response.WriteAsJsonAsync(new { signIn = "/sign-in" }, context.HttpContext.RequestAborted);
    }

    /// <summary>The sign-in page says itself where to go on; the cookie handler's own redirect would be a second, unchecked way.</summary>
    public override Task RedirectToReturnUrl(RedirectContext<CookieAuthenticationOptions> context) => Task.CompletedTask;

    /// <summary>Who may not is told so in place; there is no second door to send them to. What is for operators is not there for others.</summary>
    public override Task RedirectToAccessDenied(RedirectContext<CookieAuthenticationOptions> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var forOperators = context.HttpContext.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>().Any(data => data.Policy == Operators.Policy) ?? false;
        context.Response.StatusCode = forOperators ? StatusCodes.Status404NotFound : StatusCodes.Status403Forbidden;
        return Task.CompletedTask;
    }

    private async Task<CurrentSession?> FindAsync(ClaimsPrincipal? principal, CancellationToken cancellationToken)
    {
        if (principal?.UserId() is not { } userId || principal.SessionId() is not { } sessionId)
        {
            return null;
        }

        var row = await db.Sessions.AsNoTracking()
            .Where(s => s.Id == sessionId && s.UserId == userId && s.EndedAt == null)
            .Join(db.Users, s => s.UserId, u => u.Id, (s, u) => new
            {
                s.CreatedAt,
                s.LastSeenAt,
                s.ExpiresAt,
                u.Email,
                u.SecurityStamp,
                u.IsOperator,
            })
            .FirstOrDefaultAsync(cancellationToken);
        var now = time.GetUtcNow().UtcDateTime;
        var stamp = principal.FindFirstValue(identity.Value.ClaimsIdentity.SecurityStampClaimType);
        if (row is null
            || row.ExpiresAt <= now
            || now - row.LastSeenAt >= options.Value.SessionIdleTimeout
            || !string.Equals(row.SecurityStamp, stamp, StringComparison.Ordinal))
        {
            return null;
        }

        var staleSince = now - SeenEvery;
        if (row.LastSeenAt <= staleSince)
        {
            await db.Sessions.Where(s => s.Id == sessionId && s.LastSeenAt <= staleSince)
                .ExecuteUpdateAsync(set => set.SetProperty(s => s.LastSeenAt, now), cancellationToken);
        }

        return new CurrentSession(sessionId, userId, row.Email ?? "", row.CreatedAt, row.ExpiresAt, row.IsOperator);
    }
}
