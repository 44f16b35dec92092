using System.Net.Mail;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts;

/// <summary>
/// Makes an account and signs its owner in. Without outgoing mail an address is a name, not a proof: it is never
/// taken as verified, and an account is never found or recovered by it alone.
/// </summary>
internal sealed class CreateAccount(
    UserManager<User> users,
    BrokerDbContext db,
    AuditLog audit,
    Sessions sessions,
    TimeProvider time)
{
    public static readonly IdentityError BadEmail = new() { Code = "BadEmail", Description = "Enter an e-mail address, such as ada@example.com." };

    public static readonly IdentityError Taken = new()
    {
        Code = "Taken",
        Description = "An account cannot be made with that e-mail address. If it is yours, sign in instead.",
    };

    private const int LongestEmail = 254;

    public static bool IsEmail(string? email) =>
        email is { Length: > 2 and <= LongestEmail }
        && MailAddress.TryCreate(email, out var parsed)
        && string.Equals(parsed.Address, email, StringComparison.Ordinal);

    public async Task<IdentityResult> WithPasswordAsync(string? email, string? password, CancellationToken cancellationToken)
    {
        var user = NewUser(Guid.CreateVersion7(), email);
        if (!IsEmail(user.Email))
        {
            return IdentityResult.Failed(BadEmail);
        }

        foreach (var validator in users.PasswordValidators)
        {
            if (await validator.ValidateAsync(users, user, password) is { Succeeded: false } refused)
            {
                return refused;
            }
        }

        // Hashed before the transaction: it takes long, and it takes as long for an address that is taken.
        user.PasswordHash = users.PasswordHasher.HashPassword(user, password!);
        return await SaveAsync(user, passkey: null, cancellationToken);
    }

    /// <summary>The entity is the one that the ceremony's sealed state names, not one that the form names.</summary>
    public Task<IdentityResult> WithPasskeyAsync(
        PasskeyUserEntity entity, UserPasskeyInfo passkey, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return SaveAsync(NewUser(Guid.Parse(entity.Id), entity.Name), passkey, cancellationToken);
    }

    private User NewUser(Guid id, string? email) => new()
    {
        Id = id,
        UserName = email?.Trim(),
        Email = email?.Trim(),
        CreatedAt = time.GetUtcNow().UtcDateTime,
    };

    private async Task<IdentityResult> SaveAsync(User user, UserPasskeyInfo? passkey, CancellationToken cancellationToken)
    {
        var method = passkey is null ? "password" : "passkey";
        var result = IdentityResult.Success;
        try
        {
            await db.InTransactionAsync(
                async () =>
                {
                    result = await users.CreateAsync(user);
                    if (!result.Succeeded)
                    {
                        return;
                    }

                    if (passkey is not null && await users.AddOrUpdatePasskeyAsync(user, passkey) is { Succeeded: false } refused)
                    {
                        // Without its only credential the account must not stay.
                        throw new InvalidOperationException(refused.ToString());
                    }

                    await audit.RecordAsync(
                        "account.created", $"user:{user.Id}", $"user:{user.Id}", user.Id, new { method }, cancellationToken);
                    await sessions.StartAsync(user, method, cancellationToken);
                },
                cancellationToken);
        }
        catch (DbUpdateException) when (!cancellationToken.IsCancellationRequested)
        {
            // Two sign-ups at once: the unique index on the name let one of them through.
            result = IdentityResult.Failed(Taken);
        }

        return result.Errors.Any(e => e.Code.StartsWith("Duplicate", StringComparison.Ordinal))
            ? IdentityResult.Failed(Taken)
            : result;
    }
}
