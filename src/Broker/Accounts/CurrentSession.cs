using System.Security.Claims;

namespace TokenBroker.Accounts;

/// <summary>The session that this request was validated against; what the pages know of the person without a query.</summary>
internal sealed record CurrentSession(
    Guid Id, Guid UserId, string Email, DateTime SignedInAt, DateTime ExpiresAt, bool IsOperator);

internal static class CurrentSessionExtensions
{
    public const string SessionIdClaim = "sid";

    /// <summary>Null for a visitor who is not signed in.</summary>
    public static CurrentSession? CurrentSession(this HttpContext context) => context.Features.Get<CurrentSession>();

    /// <summary>The signed-in person.</summary>
    /// <exception cref="InvalidOperationException">The endpoint let a visitor in: a bug.</exception>
    public static Guid UserId(this HttpContext context) =>
        context.CurrentSession()?.UserId ?? throw new InvalidOperationException("Nobody is signed in.");

    public static Guid? UserId(this ClaimsPrincipal principal) =>
        Guid.TryParse(principal.FindFirstValue(ClaimTypes.NameIdentifier), out var id) ? id : null;

    public static Guid? SessionId(this ClaimsPrincipal principal) =>
        Guid.TryParse(principal.FindFirstValue(SessionIdClaim), out var id) ? id : null;
}
