using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Accounts;

/// <summary>A token as it was made: the text, which is shown this once, or why there is none.</summary>
internal sealed record NewApiToken(string? Text, string? Complaint);

/// <summary>Who a token speaks for.</summary>
internal sealed record ApiTokenHolder(Guid TokenId, Guid UserId, bool IsOperator, DateTime? LastUsedAt);

/// <summary>
/// Personal tokens for the management API: 256 random bits behind the prefix <c>tbp_</c>, by which scanners of leaked
/// secrets know them, kept as one SHA-256. They are found by that hash alone, so that a token that is unknown,
/// malformed or expired takes the same look-up as a good one and no comparison tells how near it came.
/// </summary>
internal sealed class ApiTokens(BrokerDbContext db, AuditLog audit, TimeProvider time)
{
    public const string Prefix = "tbp_";
    public const int MostTokens = 20;
    private const int LongestName = 80;

    /// <summary>Being used is written at most this often, so that reading does not write.</summary>
    private static readonly TimeSpan UsedEvery = TimeSpan.FromMinutes(1);

    public static IReadOnlyList<int> LifetimesInDays { get; } = [7, 30, 90, 365];

    /// <summary>Those that still work, the latest first.</summary>
    public Task<List<ApiToken>> ListAsync(Guid userId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return db.ApiTokens.AsNoTracking().Where(t => t.UserId == userId && t.ExpiresAt > now).OrderByDescending(t => t.CreatedAt).ToListAsync(cancellationToken);
    }

    public async Task<NewApiToken> CreateAsync(Guid userId, string? name, int days, CancellationToken cancellationToken)
    {
        name = OneLine.Of(name, LongestName);
        if (name.Length == 0)
        {
            return new NewApiToken(null, "Give the token a name, such as what uses it.");
        }

        if (!LifetimesInDays.Contains(days))
        {
            return new NewApiToken(null, "Choose how long the token works.");
        }

        var text = Prefix + WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));
        var made = false;
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                await db.ApiTokens.Where(t => t.UserId == userId && t.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken);
                if (await db.ApiTokens.CountAsync(t => t.UserId == userId, cancellationToken) >= MostTokens)
                {
                    return;
                }

                var token = new ApiToken { UserId = userId, Name = name, Hash = HashOf(text), CreatedAt = now, ExpiresAt = now.AddDays(days) };
                db.ApiTokens.Add(token);
                await audit.RecordAsync(
                    "api_token.created", $"user:{userId}", $"api_token:{token.Id}", userId, new { name, expires_at = token.ExpiresAt }, cancellationToken);
                made = true;
            },
            cancellationToken);
        return made ? new NewApiToken(text, null) : new NewApiToken(null, $"You have {MostTokens} tokens, the most that one account keeps. Revoke one first.");
    }

    /// <returns>False where the user has no such token.</returns>
    public async Task<bool> RevokeAsync(Guid userId, Guid tokenId, CancellationToken cancellationToken)
    {
        var revoked = false;
        await db.InTransactionAsync(
            async () =>
            {
                revoked = await db.ApiTokens.Where(t => t.Id == tokenId && t.UserId == userId).ExecuteDeleteAsync(cancellationToken) == 1;
                if (revoked)
                {
                    await audit.RecordAsync("api_token.revoked", $"user:{userId}", $"api_token:{tokenId}", userId, null, cancellationToken);
                }
            },
            cancellationToken);
        return revoked;
    }

    /// <returns>Null for everything that is not a token that works now.</returns>
    public async Task<ApiTokenHolder?> FindAsync(string text, CancellationToken cancellationToken)
    {
        var (hash, now) = (HashOf(text), time.GetUtcNow().UtcDateTime);
        var holder = await db.ApiTokens.AsNoTracking()
            .Where(t => t.Hash == hash && t.ExpiresAt > now)
            .Join(db.Users, t => t.UserId, u => u.Id, (t, u) => new ApiTokenHolder(t.Id, u.Id, u.IsOperator, t.LastUsedAt))
            .FirstOrDefaultAsync(cancellationToken);
        var stale = now - UsedEvery;
        if (holder is not null && (holder.LastUsedAt is not { } used || used <= stale))
        {
            await db.ApiTokens.Where(t => t.Id == holder.TokenId && (t.LastUsedAt == null || t.LastUsedAt <= stale))
                .ExecuteUpdateAsync(set => set.SetProperty(t => t.LastUsedAt, now), cancellationToken);
        }

        return holder;
    }

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
