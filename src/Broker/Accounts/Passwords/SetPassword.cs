using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts.Passwords;

/// <summary>
/// Sets or changes the signed-in person's password and ends their other sessions: whoever learned the old one, or
/// holds a copied cookie, is out.
/// </summary>
internal sealed class SetPassword(
    UserManager<User> users, BrokerDbContext db, PasswordCheck check, AuditLog audit, Sessions sessions)
{
    public static readonly IdentityError WrongCurrent = new()
    {
        Code = "WrongCurrent",
        Description = "That is not your current password. After five wrong tries it is locked for a few minutes.",
    };

    /// <summary>Without a password so far, the current one is not asked for; the page then asks for a recent sign-in.</summary>
    public async Task<IdentityResult> ToAsync(Guid userId, string? current, string? chosen, CancellationToken cancellationToken)
    {
        var user = await db.Users.AsNoTracking().SingleAsync(u => u.Id == userId, cancellationToken);
        if (user.PasswordHash is not null && !await check.ConfirmsAsync(user, current ?? "", cancellationToken))
        {
            return IdentityResult.Failed(WrongCurrent);
        }

        foreach (var validator in users.PasswordValidators)
        {
            if (await validator.ValidateAsync(users, user, chosen) is { Succeeded: false } refused)
            {
                return refused;
            }
        }

        var hash = users.PasswordHasher.HashPassword(user, chosen!);
        var action = user.PasswordHash is null ? "password.added" : "password.changed";
        await db.InTransactionAsync(
            async () =>
            {
                var tracked = await db.Users.SingleAsync(u => u.Id == userId, cancellationToken);
                tracked.PasswordHash = hash;
                await audit.RecordAsync(action, $"user:{userId}", $"user:{userId}", userId, null, cancellationToken);
                await sessions.EndOthersAsync(userId, action, cancellationToken);
                await users.UpdateSecurityStampAsync(tracked);
                await sessions.RefreshAsync(tracked);
            },
            cancellationToken);
        return IdentityResult.Success;
    }
}
