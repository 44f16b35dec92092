using System.Linq.Expressions;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts;

/// <summary>
/// Starts and ends sessions. Each sign-in makes a new row and a new cookie, and ends the session that the browser had
/// before, so that a planted or copied session id is worth nothing after it (session fixation). The cookie holds the
/// user's id, the session's id and the security stamp; <see cref="SessionCheck"/> holds it to the row on each request.
/// </summary>
internal sealed class Sessions(
    BrokerDbContext db,
    AuditLog audit,
    IHttpContextAccessor http,
    IOptions<IdentityOptions> identity,
    IOptions<AccountsOptions> options,
    TimeProvider time)
{
    /// <summary>How long an ended session stays in the table; the audit log keeps what happened.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(30);

    private HttpContext Context => http.HttpContext ?? throw new InvalidOperationException("Sessions need a request.");

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    /// <summary>For who has just proved who they are, by <c>password</c> or <c>passkey</c>.</summary>
    public async Task StartAsync(User user, string method, CancellationToken cancellationToken)
    {
        var now = Now;
        var session = new Session
        {
            Id = Guid.CreateVersion7(),
            UserId = user.Id,
            CreatedAt = now,
            LastSeenAt = now,
            ExpiresAt = now + options.Value.SessionLifetime,
            Device = DeviceName.From(Context.Request.Headers.UserAgent.ToString()),
        };
        await db.InTransactionAsync(
            async () =>
            {
                if (Context.CurrentSession() is { } previous)
                {
                    await EndWhereAsync(s => s.Id == previous.Id, previous.UserId, "replaced by a new sign-in", cancellationToken);
                }

                var old = now - Remembered;
                await db.Sessions.Where(s => s.UserId == user.Id && s.ExpiresAt < old).ExecuteDeleteAsync(cancellationToken);
                db.Sessions.Add(session);
                await audit.RecordAsync(
                    "session.started", $"user:{user.Id}", $"session:{session.Id}", user.Id,
                    new { method, device = session.Device }, cancellationToken);
            },
            cancellationToken);

        Context.Features.Set(new CurrentSession(session.Id, user.Id, user.Email ?? "", now, session.ExpiresAt, user.IsOperator));
        await WriteCookieAsync(user, session.Id, session.ExpiresAt);
    }

    /// <summary>Gives this browser a cookie with the user's new security stamp; the session goes on as it was.</summary>
    public Task RefreshAsync(User user) => Context.CurrentSession() is { } current && current.UserId == user.Id
        ? WriteCookieAsync(user, current.Id, current.ExpiresAt)
        : Task.CompletedTask;

    /// <summary>Ends this browser's session and takes its cookie back.</summary>
    public async Task SignOutAsync(CancellationToken cancellationToken)
    {
        if (Context.CurrentSession() is { } current)
        {
            await EndAsync(current.UserId, current.Id, "signed out", cancellationToken);
        }

        await Context.SignOutAsync(IdentityConstants.ApplicationScheme);
    }

    /// <returns>Whether this user had that session and it was open.</returns>
    public async Task<bool> EndAsync(Guid userId, Guid sessionId, string reason, CancellationToken cancellationToken) =>
        await EndWhereAsync(s => s.Id == sessionId && s.UserId == userId, userId, reason, cancellationToken) > 0;

    /// <summary>Ends every session of the user but this browser's.</summary>
    public Task<int> EndOthersAsync(Guid userId, string reason, CancellationToken cancellationToken)
    {
        var current = Context.CurrentSession()?.Id ?? Guid.Empty;
        return EndWhereAsync(s => s.UserId == userId && s.Id != current, userId, reason, cancellationToken);
    }

    /// <summary>The sessions that still work, the latest first.</summary>
    public Task<List<Session>> OpenAsync(Guid userId, CancellationToken cancellationToken)
    {
        var now = Now;
        var idleSince = now - options.Value.SessionIdleTimeout;
        return db.Sessions.AsNoTracking()
            .Where(s => s.UserId == userId && s.EndedAt == null && s.ExpiresAt > now && s.LastSeenAt > idleSince)
            .OrderByDescending(s => s.LastSeenAt)
            .ToListAsync(cancellationToken);
    }

    private async Task<int> EndWhereAsync(
        Expression<Func<Session, bool>> which, Guid userId, string reason, CancellationToken cancellationToken)
    {
        var ended = 0;
        await db.InTransactionAsync(
            async () =>
            {
                var now = Now;
                var open = await db.Sessions.Where(which).Where(s => s.EndedAt == null)
                    .Select(s => s.Id).ToListAsync(cancellationToken);
                foreach (var id in open)
                {
                    await db.Sessions.Where(s => s.Id == id)
                        .ExecuteUpdateAsync(set => set.SetProperty(s => s.EndedAt, now), cancellationToken);
                    await audit.RecordAsync(
                        "session.ended", $"user:{userId}", $"session:{id}", userId, new { reason }, cancellationToken);
                }

                ended = open.Count;
            },
            cancellationToken);
        return ended;
    }

    private Task WriteCookieAsync(User user, Guid sessionId, DateTime expiresAt)
    {
        var claims = new ClaimsIdentity(IdentityConstants.ApplicationScheme);
        claims.AddClaim(new Claim(ClaimTypes.NameIdentifier, user.Id.ToString()));
        claims.AddClaim(new Claim(CurrentSessionExtensions.SessionIdClaim, sessionId.ToString()));
        claims.AddClaim(new Claim(identity.Value.ClaimsIdentity.SecurityStampClaimType, user.SecurityStamp ?? ""));
        return Context.SignInAsync(
            IdentityConstants.ApplicationScheme,
            new ClaimsPrincipal(claims),
            new AuthenticationProperties { IsPersistent = false, ExpiresUtc = new DateTimeOffset(expiresAt) });
    }
}
