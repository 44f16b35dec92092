using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// Sets and takes away the caps of apps and users, with their audit event in the same transaction. A cap that is lowered
/// holds at once on this node, and within seconds on others; open calls that it has no money for are cut.
/// </summary>
internal sealed class SetCaps(BrokerDbContext db, AuditLog audit, LeaseUpkeep leases, TimeProvider time)
{
    public Task<List<SpendCap>> ListAsync(AccountId account, CancellationToken cancellationToken) =>
        db.SpendCaps.AsNoTracking().Where(c => c.Kind == account.Kind && c.OwnerId == account.Id).OrderBy(c => c.SetBy).ThenBy(c => c.Period).ToListAsync(cancellationToken);

    /// <param name="account">The app or user.</param>
    /// <param name="caps">By period; null takes one away, and what is not named stays.</param>
    /// <param name="setBy">Whose caps these are.</param>
    /// <param name="actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public async Task RunAsync(
        AccountId account, IReadOnlyDictionary<BudgetPeriod, long?> caps, CapSetter setBy, string actor, CancellationToken cancellationToken)
    {
        if (account.Kind == AccountKind.Grant)
        {
            throw new ArgumentException("A grant's budget is in its own row.", nameof(account));
        }

        await db.InTransactionAsync(
            async () =>
            {
                var had = await db.SpendCaps.Where(c => c.Kind == account.Kind && c.OwnerId == account.Id && c.SetBy == setBy).ToListAsync(cancellationToken);
                foreach (var (period, micros) in caps)
                {
                    var cap = had.Find(c => c.Period == period);
                    if (cap?.Micros == micros)
                    {
                        continue;
                    }

                    var was = cap?.Micros;
                    Write(cap, account, period, setBy, micros);
                    await audit.RecordAsync(
                        micros is null ? "cap.cleared" : "cap.set", actor, account.ToString(), account.Kind == AccountKind.User ? account.Id : null,
                        new { period = period.ToString(), micros, was }, cancellationToken);
                }
            },
            cancellationToken);
        leases.Recheck(account);
    }

    private void Write(SpendCap? cap, AccountId account, BudgetPeriod period, CapSetter setBy, long? micros)
    {
        if (micros is not { } amount)
        {
            db.SpendCaps.Remove(cap!);
            return;
        }

        if (cap is null)
        {
            cap = new SpendCap { Kind = account.Kind, OwnerId = account.Id, Period = period, SetBy = setBy };
            db.SpendCaps.Add(cap);
        }

        (cap.Micros, cap.At) = (amount, time.GetUtcNow().UtcDateTime);
    }
}
