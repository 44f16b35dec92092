using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts.Passwords;

/// <summary>
/// The one place that compares a password. An unknown account, an account without a password, a locked one and a
/// wrong password do the same work (one update, one hash, one audit row) and get the same answer, so that neither the
/// words nor the time tell which addresses have accounts.
/// </summary>
/// <remarks>
/// An attempt is taken by one statement before the hash is computed: a hundred guesses in parallel get as many tries
/// as a hundred in a row. The fifth wrong one locks the password for five minutes, each one after that for twice as
/// long, up to an hour; a right one starts afresh.
/// </remarks>
internal sealed class PasswordCheck(BrokerDbContext db, IPasswordHasher<User> hasher, AuditLog audit, TimeProvider time)
{
    public const int FreeAttempts = 5;

    private static readonly TimeSpan FirstLock = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestLock = TimeSpan.FromHours(1);
    private static readonly User Nobody = new();
    private static string? _decoy;

    /// <summary>
    /// For whoever knocks. The user is untracked, as just read, and null where no account has the address.
    /// </summary>
    public Task<bool> PassesAsync(User? user, string password, CancellationToken cancellationToken) =>
        PassesAsync(user, password, "session.refused", "anonymous", cancellationToken);

    /// <summary>For a person who is signed in already and confirms a change.</summary>
    public Task<bool> ConfirmsAsync(User user, string password, CancellationToken cancellationToken) =>
        PassesAsync(user, password, "password.refused", $"user:{user.Id}", cancellationToken);

    private async Task<bool> PassesAsync(
        User? user, string password, string refusal, string actor, CancellationToken cancellationToken)
    {
        // 1. Take an attempt; none is left while the password is locked.
        var admitted = await TakeAttemptAsync(user, cancellationToken);

        // 2. Hash, whatever is known by now. Too long a password is refused without the work, for everybody alike.
        var decoyHash = LazyInitializer.EnsureInitialized(ref _decoy, () => hasher.HashPassword(Nobody, Guid.NewGuid().ToString()));
        var own = admitted ? user?.PasswordHash : null;
        var verdict = password.Length > PasswordRules.MaximumLength
            ? PasswordVerificationResult.Failed
            : hasher.VerifyHashedPassword(user ?? Nobody, own ?? decoyHash, password);

        // 3. Settle and record.
        var passed = own is not null && verdict != PasswordVerificationResult.Failed;
        if (passed)
        {
            await ForgetAttemptsAsync(user!, password, verdict, cancellationToken);
        }
        else
        {
            await RecordRefusalAsync(user, admitted, refusal, actor, cancellationToken);
        }

        return passed;
    }

    private async Task<bool> TakeAttemptAsync(User? user, CancellationToken cancellationToken)
    {
        var id = user?.Id ?? Guid.Empty;
        var now = time.GetUtcNow().UtcDateTime;
        var lockedUntil = now + LockAfter((user?.AccessFailedCount ?? 0) + 1);
        var taken = await db.Users
            .Where(u => u.Id == id && (u.PasswordLockedUntil == null || u.PasswordLockedUntil <= now))
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(u => u.AccessFailedCount, u => u.AccessFailedCount + 1)
                    .SetProperty(u => u.PasswordLockedUntil, u => u.AccessFailedCount + 1 >= FreeAttempts ? lockedUntil : null),
                cancellationToken);
        return taken == 1;
    }

    private async Task ForgetAttemptsAsync(
        User user, string password, PasswordVerificationResult verdict, CancellationToken cancellationToken)
    {
        await db.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(
            set => set.SetProperty(u => u.AccessFailedCount, 0).SetProperty(u => u.PasswordLockedUntil, (DateTime?)null),
            cancellationToken);
        if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
        {
            var stronger = hasher.HashPassword(user, password);
            await db.Users.Where(u => u.Id == user.Id && u.PasswordHash == user.PasswordHash).ExecuteUpdateAsync(
                set => set.SetProperty(u => u.PasswordHash, stronger), cancellationToken);
        }
    }

    private Task RecordRefusalAsync(
        User? user, bool admitted, string refusal, string actor, CancellationToken cancellationToken) =>
        db.InTransactionAsync(
            async () =>
            {
                var target = user is null ? "user:unknown" : $"user:{user.Id}";
                var reason = user is null ? "unknown account" : admitted ? "wrong password" : "locked";
                await audit.RecordAsync(
                    refusal, actor, target, user?.Id, new { method = "password", reason }, cancellationToken);

                var id = user?.Id ?? Guid.Empty;
                var lockedUntil = await db.Users.Where(u => u.Id == id)
                    .Select(u => u.PasswordLockedUntil).FirstOrDefaultAsync(cancellationToken);
                if (admitted && lockedUntil is { } until)
                {
                    await audit.RecordAsync(
                        "account.locked", "system", target, user?.Id, new { method = "password", until }, cancellationToken);
                }
            },
            cancellationToken);

    private static TimeSpan LockAfter(int failures)
    {
        var doublings = Math.Clamp(failures - FreeAttempts, 0, 10);
        var wait = FirstLock * Math.Pow(2, doublings);
        return wait < LongestLock ? wait : LongestLock;
    }
}
