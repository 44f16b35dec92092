using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Vaults;

/// <summary>
/// Switches an old KEK version off. What it still wraps would be lost, so that it is counted twice: now, and once every
/// running broker has noticed the rotation and what it was sealing at that moment is stored. The second count, the audit
/// event and the retirement share one write transaction: no record can come under the version in between.
/// </summary>
internal sealed class RetireKek(BrokerDbContext db, AuditLog audit, KekInventory inventory, Vault vault, TimeProvider time)
{
    /// <summary>A broker notices a rotation so late, and may then still be storing what it sealed.</summary>
    public static readonly TimeSpan SettlesWithin = Vault.NoticesRotationWithin + TimeSpan.FromSeconds(30);

    /// <exception cref="InvalidOperationException">It cannot be retired; the message says why and what to do.</exception>
    public async Task RequireUnusedAsync(string kekId, CancellationToken cancellationToken)
    {
        await VaultOfAsync(kekId, cancellationToken);
        var uses = (await inventory.CountAsync(db, cancellationToken)).Where(use => use.KekId == kekId).ToList();
        if (uses.Count > 0)
        {
            throw new InvalidOperationException(
                $"It still wraps {VaultStatus.Words(uses)}. Run 'vault rewrap' first. What that cannot move is listed there; it must be deleted by who owns it.");
        }
    }

    /// <param name="kekId">The version.</param>
    /// <param name="waiting">Told how much of the wait is over, and how long it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <inheritdoc cref="RequireUnusedAsync"/>
    public async Task RunAsync(string kekId, Action<TimeSpan, TimeSpan> waiting, CancellationToken cancellationToken)
    {
        await RequireUnusedAsync(kekId, cancellationToken);
        var wait = await UnsettledAsync(cancellationToken);
        var began = time.GetTimestamp();
        while (time.GetElapsedTime(began) is var passed && passed < wait)
        {
            waiting(passed, wait);
            await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken);
        }

        await db.InTransactionAsync(
            async () =>
            {
                await RequireUnusedAsync(kekId, cancellationToken);
                var holder = await VaultOfAsync(kekId, cancellationToken);
                await audit.RecordAsync(KekEvents.Retired, KekEvents.Actor, KekEvents.TargetOf(kekId), null, new { vault = holder.Kind }, cancellationToken);
                await holder.RetireAsync(kekId, cancellationToken);
            },
            cancellationToken);
    }

    /// <summary>How long to wait before running brokers can be trusted to use the current version.</summary>
    private async Task<TimeSpan> UnsettledAsync(CancellationToken cancellationToken)
    {
        // When a version was made does not tell when it became the current one; our own rotation does.
        var target = KekEvents.TargetOf(await vault.CurrentKeyIdAsync(cancellationToken));
        var rotatedAt = await db.AuditEvents.AsNoTracking()
            .Where(e => e.Action == KekEvents.Rotated && e.Target == target)
            .OrderByDescending(e => e.Sequence)
            .Select(e => (DateTime?)e.At)
            .FirstOrDefaultAsync(cancellationToken);
        var now = time.GetUtcNow().UtcDateTime;
        var left = (rotatedAt ?? now) + SettlesWithin - now;
        return left < SettlesWithin ? left : SettlesWithin;
    }

    private async Task<IKeyVault> VaultOfAsync(string kekId, CancellationToken cancellationToken)
    {
        foreach (var candidate in vault.All.Where(v => v.Holds(kekId)))
        {
            var version = (await candidate.VersionsAsync(cancellationToken)).FirstOrDefault(v => v.KeyId == kekId);
            if (version is { IsCurrent: true })
            {
                throw new InvalidOperationException(candidate == vault.Main
                    ? $"'{kekId}' is the current version. Run 'vault rotate', then 'vault rewrap'."
                    : $"'{kekId}' is the current version of a vault under Vault:Previous. Once 'vault status' shows that it wraps nothing, take that vault out of the configuration and delete its key there.");
            }

            if (version is { IsEnabled: false })
            {
                throw new InvalidOperationException($"'{kekId}' is disabled already.");
            }

            if (version is not null)
            {
                return candidate;
            }
        }

        throw new InvalidOperationException($"No configured vault has a version '{kekId}'. 'vault status' shows those that there are.");
    }
}
