using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Accounts.Passwords;

internal sealed class SignInWithPassword(
    BrokerDbContext db, ILookupNormalizer normalizer, PasswordCheck check, Sessions sessions)
{
    /// <summary>Starts a session, or records the refusal. The caller tells the person nothing but "no".</summary>
    public async Task<bool> TryAsync(string? email, string? password, CancellationToken cancellationToken)
    {
        var name = normalizer.NormalizeEmail(email?.Trim()) ?? "";
        var user = await db.Users.AsNoTracking().FirstOrDefaultAsync(u => u.NormalizedUserName == name, cancellationToken);
        if (!await check.PassesAsync(user, password ?? "", cancellationToken))
        {
            return false;
        }

        await sessions.StartAsync(user!, "password", cancellationToken);
        return true;
    }
}
