using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts.Passkeys;

/// <summary>
/// A person's passkeys: made, named, removed. Adding or removing one ends their other sessions, and the last
/// credential cannot be removed, since nobody could sign in after that.
/// </summary>
internal sealed class PasskeyRing(
    UserManager<User> users, SignInManager<User> identity, BrokerDbContext db, AuditLog audit, Sessions sessions)
{
    public const int LongestName = 60;

    /// <summary>A passkey takes little room, but not none.</summary>
    private const int MostPasskeys = 20;

    /// <summary>Options for a passkey of a person who has no account yet; the id is the account's to be.</summary>
    public Task<string> OptionsForNewAsync(string email) => OptionsAsync(Guid.CreateVersion7(), email);

    public async Task<string> OptionsForAsync(Guid userId, CancellationToken cancellationToken)
    {
        var user = await FindAsync(userId, cancellationToken);
        return await OptionsAsync(user.Id, user.Email ?? "");
    }

    /// <summary>Verifies what the browser made against the ceremony that this browser began.</summary>
    /// <returns>Null where it does not hold or the ceremony is over.</returns>
    public async Task<(UserPasskeyInfo Passkey, PasskeyUserEntity Owner)?> VerifyAsync(string? credential, string name)
    {
        if (string.IsNullOrEmpty(credential))
        {
            return null;
        }

        try
        {
            var result = await identity.PerformPasskeyAttestationAsync(credential);
            if (!result.Succeeded)
            {
                return null;
            }

            result.Passkey.Name = Tidy(name);
            return (result.Passkey, result.UserEntity);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public async Task<IList<UserPasskeyInfo>> ListAsync(Guid userId, CancellationToken cancellationToken) =>
        await users.GetPasskeysAsync(await FindAsync(userId, cancellationToken));

    public async Task<bool> AddAsync(Guid userId, string? credential, string name, CancellationToken cancellationToken)
    {
        // The ceremony must be this person's own: the state says for whom it began.
        if (await VerifyAsync(credential, name) is not { } made
            || !string.Equals(made.Owner.Id, userId.ToString(), StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        return await ChangeAsync(
            userId,
            "passkey.added",
            async user => (await users.GetPasskeysAsync(user)).Count < MostPasskeys
                && (await users.AddOrUpdatePasskeyAsync(user, made.Passkey)).Succeeded ? made.Passkey.Name : null,
            cancellationToken);
    }

    /// <summary>Whether the person has this passkey.</summary>
    public async Task<bool> HasAsync(Guid userId, byte[] credentialId, CancellationToken cancellationToken) =>
        await users.GetPasskeyAsync(await FindAsync(userId, cancellationToken), credentialId) is not null;

    public Task<bool> RemoveAsync(Guid userId, byte[] credentialId, CancellationToken cancellationToken) =>
        ChangeAsync(
            userId,
            "passkey.removed",
            async user =>
            {
                var passkeys = await users.GetPasskeysAsync(user);
                var found = passkeys.FirstOrDefault(p => p.CredentialId.AsSpan().SequenceEqual(credentialId));
                var last = passkeys.Count == 1 && user.PasswordHash is null;
                return found is not null && !last && (await users.RemovePasskeyAsync(user, credentialId)).Succeeded
                    ? found.Name ?? "Passkey"
                    : null;
            },
            cancellationToken);

    public async Task<bool> RenameAsync(Guid userId, byte[] credentialId, string? name, CancellationToken cancellationToken)
    {
        var user = await FindAsync(userId, cancellationToken);
        var passkey = await users.GetPasskeyAsync(user, credentialId);
        if (passkey is null || Tidy(name) is not { Length: > 0 } tidy)
        {
            return false;
        }

        var done = false;
        await db.InTransactionAsync(
            async () =>
            {
                passkey.Name = tidy;
                done = (await users.AddOrUpdatePasskeyAsync(user, passkey)).Succeeded;
                if (done)
                {
                    await audit.RecordAsync(
                        "passkey.renamed", $"user:{userId}", $"user:{userId}", userId, new { name = tidy }, cancellationToken);
                }
            },
            cancellationToken);
        return done;
    }

    private static string Tidy(string? name) => OneLine.Of(name, LongestName);

    /// <summary>The change gives the passkey's name, or null where it changed nothing.</summary>
    private async Task<bool> ChangeAsync(
        Guid userId, string action, Func<User, Task<string?>> change, CancellationToken cancellationToken)
    {
        var done = false;
        await db.InTransactionAsync(
            async () =>
            {
                var user = await FindAsync(userId, cancellationToken);
                if (await change(user) is not { } name)
                {
                    return;
                }

                await audit.RecordAsync(action, $"user:{userId}", $"user:{userId}", userId, new { name }, cancellationToken);
                await sessions.EndOthersAsync(userId, action, cancellationToken);
                await users.UpdateSecurityStampAsync(user);
                await sessions.RefreshAsync(user);
                done = true;
            },
            cancellationToken);
        return done;
    }

    private Task<string> OptionsAsync(Guid id, string email) => identity.MakePasskeyCreationOptionsAsync(
        new PasskeyUserEntity { Id = id.ToString(), Name = email, DisplayName = email });

    private Task<User> FindAsync(Guid userId, CancellationToken cancellationToken) =>
        db.Users.SingleAsync(u => u.Id == userId, cancellationToken);
}
