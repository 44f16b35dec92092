using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Grants;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Credit;

/// <summary>
/// Takes the key that a sponsor puts up: looks at its shape, asks the provider about it by a free call, and seals it to the
/// sponsor. Another one takes its place, and the row of the one before goes with its wrapped data key; grants that pay by
/// credit go on with the new one at their next call.
/// </summary>
internal sealed class PutUpKey(BrokerDbContext db, SponsorKeys keys, KeyCheck check, AuditLog audit, OpenKeys openKeys, GrantChanges changes)
{
    private const int ShortestKey = 16;
    private const int LongestKey = 512;

    /// <param name="sponsorId">See <see cref="Purse"/>.</param>
    /// <param name="upstream">Whose provider it is for.</param>
    /// <param name="posted">The key as it came.</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What is wrong with it; null once it is stored.</returns>
    public async Task<string?> RunAsync(Guid sponsorId, Upstream upstream, Secret posted, string actor, CancellationToken cancellationToken)
    {
        using var secret = posted.Reveal(static bytes => new Secret(bytes.Trim(" \t\r\n"u8)));
        if (ComplaintOf(upstream, secret) is { } complaint)
        {
            return complaint;
        }

        var finding = await check.AskAsync(upstream, secret.RevealText(), cancellationToken);
        if (finding == KeyFinding.Refused)
        {
            return $"{upstream.Name} does not know this key, or has revoked it. Nothing was stored.";
        }

        var status = finding switch { KeyFinding.Works => KeyStatus.Working, KeyFinding.Restricted => KeyStatus.Restricted, KeyFinding.OutOfQuota => KeyStatus.OutOfQuota, _ => KeyStatus.Unchecked };
        SponsorKey key;
        try
        {
            key = await keys.SealAsync(sponsorId, upstream.Id, secret, status, cancellationToken);
        }
        catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException)
        {
            return "The vault of this broker does not answer, so the key could not be sealed. Nothing was stored. Try again in a minute.";
        }

        Guid? before = null;
        List<Guid> grants = [];
        await db.InTransactionAsync(
            async () =>
            {
                before = await db.SponsorKeys.Where(k => k.SponsorId == sponsorId && k.UpstreamId == upstream.Id).Select(k => (Guid?)k.Id).FirstOrDefaultAsync(cancellationToken);
                await db.SponsorKeys.Where(k => k.Id == before).ExecuteDeleteAsync(cancellationToken);
                db.SponsorKeys.Add(key);
                await WithdrawSponsorKey.OnIt(db, sponsorId, upstream.Id).ExecuteUpdateAsync(set => set.SetProperty(g => g.Revision, g => g.Revision + 1), cancellationToken);
                grants = await WithdrawSponsorKey.OnIt(db, sponsorId, upstream.Id).Select(g => g.Id).ToListAsync(cancellationToken);
                await audit.RecordAsync(
                    "credit.key_put_up", actor, $"sponsor:{sponsorId}", null,
                    new { upstream = upstream.Id, key = key.Id, replaces = before, finding = finding.ToString() }, cancellationToken);
            },
            cancellationToken);

        if (before is { } replaced)
        {
            openKeys.Drop(replaced);
        }

        grants.ForEach(id => changes.Publish(new GrantChange(id, null)));
        return null;
    }

    private static string? ComplaintOf(Upstream upstream, Secret secret) => secret.Reveal(text =>
        text.Length is < ShortestKey or > LongestKey || text.ContainsAnyExceptInRange((byte)'!', (byte)'~')
            ? $"This is not a key: it must be one line of {ShortestKey} to {LongestKey} letters, digits and signs. Copy it again from the provider's page."
        : !text.StartsWith(Encoding.ASCII.GetBytes(upstream.KeyPrefix))
            ? $"A key of {upstream.Name} starts with '{upstream.KeyPrefix}'. Copy it again from the provider's page."
        : null);
}
