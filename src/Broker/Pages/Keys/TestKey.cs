using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Keys;

/// <summary>What a test of a stored key came to, in words for its owner.</summary>
internal sealed record TestedKey(bool Works, string Words);

/// <summary>
/// Asks the provider about a stored key, at its owner's wish. The key is opened anew by the vault, as the next call
/// would do after a restart, so that this tests both; and what is found is noted for this generation of the key alone.
/// </summary>
internal sealed class TestKey(BrokerDbContext db, OpenKeys openKeys, KeyCheck check, KeyTestLimit limit, AuditLog audit, TimeProvider time)
{
    public async Task<TestedKey> RunAsync(UpstreamKey key, Upstream upstream, CancellationToken cancellationToken)
    {
        if (!limit.Allows(key.UserId))
        {
            return new TestedKey(false, "You have tested keys often in the last minute. Wait a moment, then try again.");
        }

        string? text;
        try
        {
            openKeys.Drop(key.Id);
            text = await openKeys.RevealAsync(new KeyUse(key.Id, Guid.Empty, null), cancellationToken);
        }
        catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException)
        {
            // Custody has marked the row.
            await RecordAsync(key, "CannotBeOpened", cancellationToken);
            return new TestedKey(false, "The stored key could not be opened.");
        }
        catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException)
        {
            return new TestedKey(false, "The vault of this broker does not answer, so the key could not be tested. Try again in a minute.");
        }

        if (text is null)
        {
            return new TestedKey(false, "The key was deleted meanwhile.");
        }

        var finding = await check.AskAsync(upstream, text, cancellationToken);
        await RecordAsync(key, finding.ToString(), cancellationToken, finding == KeyFinding.Unreachable ? null : StoreKey.StatusOf(finding));
        return finding switch
        {
            KeyFinding.Works => new TestedKey(true, $"Tested. {upstream.Name} accepts the key."),
            KeyFinding.Restricted => new TestedKey(true, $"Tested. {upstream.Name} knows the key; it is a restricted one that may not list models."),
            KeyFinding.OutOfQuota => new TestedKey(false, $"Tested. {upstream.Name} knows the key, but the account behind it is out of credit or over its rate for now."),
            KeyFinding.Refused => new TestedKey(false, $"Tested. {upstream.Name} does not accept the key any more."),
            _ => new TestedKey(false, $"{upstream.Name} did not answer, so nothing is known that was not before. Try again in a minute."),
        };
    }

    private Task RecordAsync(UpstreamKey key, string finding, CancellationToken cancellationToken, KeyStatus? status = null) => db.InTransactionAsync(
        async () =>
        {
            if (status is { } found)
            {
                var now = time.GetUtcNow().UtcDateTime;
                await db.UpstreamKeys.Where(k => k.Id == key.Id && k.Generation == key.Generation)
                    .ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, found).SetProperty(k => k.CheckedAt, now), cancellationToken);
            }

            await audit.RecordAsync("key.tested", $"user:{key.UserId}", $"key:{key.Id}", key.UserId, new { finding }, cancellationToken);
        },
        cancellationToken);
}
