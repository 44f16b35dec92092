using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts;

/// <summary>
/// The people who review apps. They are made and unmade by the command line alone, so that no hole in the pages or the
/// API makes one. Whether somebody is one is read from their row with each request, and never from a cookie: the
/// change holds from the next request on, without a new sign-in.
/// </summary>
internal sealed class Operators(BrokerDbContext db, AuditLog audit)
{
    /// <summary>On pages: a signed-in operator.</summary>
    public const string Policy = "operator";

    /// <summary>On the API: a personal token.</summary>
    public const string ApiPolicy = "api";

    /// <summary>On the API: an operator's personal token.</summary>
    public const string ApiOperatorPolicy = "api-operator";

    private const string ClaimType = "tokenbroker:operator";

    public static Claim Claim() => new(ClaimType, "true");

    public static void AddPolicies(AuthorizationOptions options)
    {
        options.AddPolicy(Policy, policy => policy.RequireAuthenticatedUser().RequireClaim(ClaimType));
        options.AddPolicy(ApiPolicy, policy => policy.AddAuthenticationSchemes(ApiTokenAuthentication.SchemeName).RequireAuthenticatedUser());
        options.AddPolicy(ApiOperatorPolicy, policy => policy.AddAuthenticationSchemes(ApiTokenAuthentication.SchemeName).RequireAuthenticatedUser().RequireClaim(ClaimType));
    }

    public Task<List<string>> ListAsync(CancellationToken cancellationToken) =>
        db.Users.Where(u => u.IsOperator).OrderBy(u => u.Email).Select(u => u.Email!).ToListAsync(cancellationToken);

    /// <returns>Whether it made a difference.</returns>
    /// <exception cref="KeyNotFoundException">There is no such account; the message says so.</exception>
    public async Task<bool> SetAsync(string email, bool isOperator, CancellationToken cancellationToken)
    {
        var changed = false;
        await db.InTransactionAsync(
            async () =>
            {
                var name = email.Trim().ToUpperInvariant();
                var userId = await db.Users.Where(u => u.NormalizedEmail == name).Select(u => (Guid?)u.Id).FirstOrDefaultAsync(cancellationToken)
                    ?? throw new KeyNotFoundException($"No account has the address {email}. Let them sign up first.");
                changed = await db.Users.Where(u => u.Id == userId && u.IsOperator != isOperator)
                    .ExecuteUpdateAsync(set => set.SetProperty(u => u.IsOperator, isOperator), cancellationToken) == 1;
                if (changed)
                {
                    await audit.RecordAsync(
                        isOperator ? "operator.added" : "operator.removed", "system", $"user:{userId}", userId, null, cancellationToken);
                }
            },
            cancellationToken);
        return changed;
    }
}
