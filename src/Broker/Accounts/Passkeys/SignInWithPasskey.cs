using Microsoft.AspNetCore.Identity;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts.Passkeys;

/// <summary>
/// Sign-in by a passkey that the browser finds itself. The options name no credentials, so they are the same for
/// everybody and tell nothing about an account.
/// </summary>
internal sealed class SignInWithPasskey(
    SignInManager<User> identity, UserManager<User> users, BrokerDbContext db, AuditLog audit, Sessions sessions)
{
    public Task<string> OptionsAsync() => identity.MakePasskeyRequestOptionsAsync(user: null);

    /// <summary>Starts a session, or records the refusal. The credential is what the browser answered, as JSON.</summary>
    public async Task<bool> TryAsync(string? credential, CancellationToken cancellationToken)
    {
        var (user, passkey) = await VerifyAsync(credential);
        var done = false;
        await db.InTransactionAsync(
            async () =>
            {
                // Keeps the signature counter, by which a copied authenticator shows.
                if (user is not null && (await users.AddOrUpdatePasskeyAsync(user, passkey!)).Succeeded)
                {
                    await sessions.StartAsync(user, "passkey", cancellationToken);
                    done = true;
                    return;
                }

                await audit.RecordAsync(
                    "session.refused", "anonymous", "user:unknown", null,
                    new { method = "passkey", reason = "not verified" }, cancellationToken);
            },
            cancellationToken);
        return done;
    }

    private async Task<(User? User, UserPasskeyInfo? Passkey)> VerifyAsync(string? credential)
    {
        if (string.IsNullOrEmpty(credential))
        {
            return default;
        }

        try
        {
            var result = await identity.PerformPasskeyAssertionAsync(credential);
            return result.Succeeded ? (result.User, result.Passkey) : default;
        }
        catch (InvalidOperationException)
        {
            // No ceremony is under way: its cookie ran out, or another tab used it.
            return default;
        }
    }
}
