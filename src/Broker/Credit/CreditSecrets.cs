using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Credit;

/// <summary>A secret as it was made, shown this once.</summary>
/// <param name="Id">By which it is revoked, and webhooks are addressed.</param>
/// <param name="Text">The bearer secret.</param>
/// <param name="SigningKey">By which a payment provider signs: see <see cref="WebhookKeys"/>.</param>
internal sealed record NewCreditSecret(Guid Id, string Text, string SigningKey);

/// <summary>
/// The secrets of sponsors: 256 random bits behind the prefix <c>tbc_</c>, by which scanners of leaked secrets know them,
/// kept as one SHA-256 and found by it alone. Whoever holds one can give credit with that one sponsor, and nothing else.
/// </summary>
internal sealed class CreditSecrets(BrokerDbContext db, WebhookKeys webhooks, AuditLog audit, TimeProvider time)
{
    public const string Prefix = "tbc_";
    public const int MostSecrets = 10;

    /// <summary>Being used is written at most this often, so that a busy secret does not write twice for each top-up.</summary>
    private static readonly TimeSpan UsedEvery = TimeSpan.FromMinutes(1);

    /// <summary>Those that work.</summary>
    public Task<List<CreditSecret>> ListAsync(Guid sponsorId, CancellationToken cancellationToken) =>
        db.CreditSecrets.AsNoTracking().Where(s => s.SponsorId == sponsorId && s.RevokedAt == null).OrderBy(s => s.CreatedAt).ToListAsync(cancellationToken);

    /// <returns>Null where the sponsor has all that one keeps.</returns>
    public async Task<NewCreditSecret?> CreateAsync(Guid sponsorId, string? name, string actor, CancellationToken cancellationToken)
    {
        var text = Prefix + WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));
        var id = Guid.CreateVersion7(time.GetUtcNow());

        // The vault is asked before the transaction begins.
        var signingKey = await webhooks.ShowAsync(id, cancellationToken);
        var made = false;
        await db.InTransactionAsync(
            async () =>
            {
                if (await db.CreditSecrets.CountAsync(s => s.SponsorId == sponsorId && s.RevokedAt == null, cancellationToken) >= MostSecrets)
                {
                    return;
                }

                var label = OneLine.Of(name, CreditSecret.LongestName) is { Length: > 0 } given ? given : "Top-ups";
                db.CreditSecrets.Add(new CreditSecret { Id = id, SponsorId = sponsorId, Name = label, Hash = HashOf(text), CreatedAt = time.GetUtcNow().UtcDateTime });
                await audit.RecordAsync("credit.secret_created", actor, $"credit_secret:{id}", null, new { sponsor = sponsorId, name = label }, cancellationToken);
                made = true;
            },
            cancellationToken);
        return made ? new NewCreditSecret(id, text, signingKey) : null;
    }

    /// <returns>False where the sponsor has no such secret that works.</returns>
    public async Task<bool> RevokeAsync(Guid sponsorId, Guid id, string actor, CancellationToken cancellationToken)
    {
        var revoked = false;
        await db.InTransactionAsync(
            async () =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                revoked = await db.CreditSecrets.Where(s => s.Id == id && s.SponsorId == sponsorId && s.RevokedAt == null)
                    .ExecuteUpdateAsync(set => set.SetProperty(s => s.RevokedAt, now), cancellationToken) == 1;
                if (revoked)
                {
                    await audit.RecordAsync("credit.secret_revoked", actor, $"credit_secret:{id}", null, new { sponsor = sponsorId }, cancellationToken);
                }
            },
            cancellationToken);
        return revoked;
    }

    /// <returns>Null for everything that is not a secret that works now.</returns>
    public Task<CreditSecret?> FindAsync(string text, CancellationToken cancellationToken)
    {
        var hash = HashOf(text);
        return FindAsync(db.CreditSecrets.Where(s => s.Hash == hash), cancellationToken);
    }

    /// <inheritdoc cref="FindAsync(string, CancellationToken)"/>
    public Task<CreditSecret?> FindAsync(Guid id, CancellationToken cancellationToken) => FindAsync(db.CreditSecrets.Where(s => s.Id == id), cancellationToken);

    /// <summary>Notes that it was used.</summary>
    public async Task UseAsync(CreditSecret secret, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (secret.LastUsedAt is not { } used || used <= now - UsedEvery)
        {
            await db.CreditSecrets.Where(s => s.Id == secret.Id).ExecuteUpdateAsync(set => set.SetProperty(s => s.LastUsedAt, now), cancellationToken);
        }
    }

    /// <summary>An app that was deleted tops nothing up.</summary>
    private Task<CreditSecret?> FindAsync(IQueryable<CreditSecret> secrets, CancellationToken cancellationToken)
    {
        var apps = db.Apps.Where(App.InUse);
        return secrets.AsNoTracking().FirstOrDefaultAsync(s => s.RevokedAt == null && (s.SponsorId == Purse.Operator || apps.Any(a => a.Id == s.SponsorId)), cancellationToken);
    }

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
