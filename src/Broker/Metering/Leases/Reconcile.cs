using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>How a node that is gone was settled.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="Exact">Whether its file told what it had spent; else all that it had leased counts as spent.</param>
/// <param name="SpentMicros">What counts as spent, of grants.</param>
/// <param name="BackMicros">What went back to the grants.</param>
internal sealed record Settled(Guid NodeId, bool Exact, long SpentMicros, long BackMicros);

/// <summary>
/// Settles nodes that were killed: costs that no flush had stored are spent, calls that were open count at their worst, since
/// they may have cost that, and the rest of the lease goes back. It does so in one transaction, which ends with the
/// node's row: who is killed here begins again.
/// </summary>
internal sealed class Reconcile(IServiceScopeFactory scopes, IOptions<StorageOptions> storage, ILogger<Reconcile> logger)
{
    /// <summary>A node that lives says so every few seconds.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    /// <summary>Those whose files are here, and that live no more.</summary>
    public async Task AtStartAsync(CancellationToken cancellationToken)
    {
        var folder = Path.Combine(storage.Value.DataDirectory, LeaseFile.Folder);
        foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.leases") : [])
        {
            if (Guid.TryParseExact(Path.GetFileNameWithoutExtension(file), "N", out var nodeId) && !LeaseFile.IsHeld(file))
            {
                await RunAsync(nodeId, "system", cancellationToken);
            }
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        foreach (var node in await db.SpendNodes.AsNoTracking().ToListAsync(cancellationToken))
        {
            if (storage.Value.IsPostgreSql && scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime - node.SeenAt < Silence)
            {
                // It lives, on another machine.
                continue;
            }

            if (!File.Exists(LeaseFile.PathOf(storage.Value.DataDirectory, node.Id)))
            {
                logger.LogWarning(
                    "Node {Node} on {Machine}, last seen {SeenAt:u}, holds leases and has no file here; they count as spent. If it is gone for good: 'nodes reconcile {Node}'.",
                    node.Id, node.Machine, node.SeenAt, node.Id);
            }
        }
    }

    /// <returns>Null where there is no such node.</returns>
    /// <exception cref="IOException">It lives, on this machine.</exception>
    public async Task<Settled?> RunAsync(Guid nodeId, string actor, CancellationToken cancellationToken)
    {
        Settled? settled = null;
        var path = LeaseFile.PathOf(storage.Value.DataDirectory, nodeId);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        await db.InTransactionAsync(
            async () =>
            {
                if (await db.SpendNodes.FirstOrDefaultAsync(n => n.Id == nodeId, cancellationToken) is { } node)
                {
                    settled = await SettleAsync(db, node, path, cancellationToken);
                    await scope.ServiceProvider.GetRequiredService<AuditLog>().RecordAsync(
                        "budget.reconciled", actor, $"node:{nodeId}", null,
                        new { exact = settled.Exact, spent_micros = settled.SpentMicros, back_micros = settled.BackMicros }, cancellationToken);
                }
            },
            cancellationToken);
        File.Delete(path);
        if (settled is { } done)
        {
            logger.LogWarning(
                "Node {Node} ended without settling; {How}: {Spent} micro-dollars of grants count as spent, {Back} went back.",
                nodeId, done.Exact ? "its file told what it had spent" : "without a file that can be believed, all that it had leased counts", done.SpentMicros, done.BackMicros);
        }

        return settled;
    }

    private static async Task<Settled> SettleAsync(BrokerDbContext db, SpendNode node, string path, CancellationToken cancellationToken)
    {
        var leases = await db.SpendLeases.Where(l => l.NodeId == node.Id).ToListAsync(cancellationToken);
        var leased = leases.ToDictionary(l => new BookKey(new(l.Kind, l.OwnerId), l.Period), l => l.Micros);
        var exact = LeaseFile.TryRead(path, node.Flush, out var left);
        var used = exact ? left.GroupBy(one => one.Key).ToDictionary(one => one.Key, one => one.Sum(slot => slot.Reserved + slot.Unstored)) : new(leased);
        var (spent, back) = (0L, 0L);
        foreach (var key in used.Keys.Union(leased.Keys))
        {
            var (cost, lease) = (used.GetValueOrDefault(key), leased.GetValueOrDefault(key));
            await AddAsync(db, key, cost, -lease, cancellationToken);
            if (key.Account.Kind == AccountKind.Grant)
            {
                (spent, back) = (spent + cost, back + lease - cost);
            }
        }

        await CreditPosts.SpendAsync(
            db, used.Where(one => one.Key.Period == SpendPeriods.Total).Select(one => (one.Key.Account, one.Value)), $"reconciled:{node.Id:N}", node.SeenAt);
        if (exact)
        {
            foreach (var (key, cost) in used.Where(one => one.Key.Account.Kind == AccountKind.Grant && one.Value > 0))
            {
                await CountElsewhereAsync(db, node, key, cost, used, cancellationToken);
            }
        }

        db.SpendLeases.RemoveRange(leases);
        await db.SaveChangesAsync(cancellationToken);
        db.SpendNodes.Remove(node);
        await db.SaveChangesAsync(cancellationToken);
        return new Settled(node.Id, exact, spent, back);
    }

    /// <summary>What has no cap has no book: there it counts by what the grant's book told, in the book's own day and month, or those in which the node was last seen.</summary>
    private static async Task CountElsewhereAsync(
        BrokerDbContext db, SpendNode node, BookKey book, long cost, Dictionary<BookKey, long> told, CancellationToken cancellationToken)
    {
        var grant = await db.Grants.AsNoTracking().Where(g => g.Id == book.Account.Id)
            .Select(g => new { g.UserId, g.ApplicationId, g.ParentId, g.SponsorId }).FirstOrDefaultAsync(cancellationToken);
        var seen = SpendPeriods.Of(new DateTimeOffset(node.SeenAt, TimeSpan.Zero));
        var began = book.Kind switch
        {
            BudgetPeriod.Day => new SpendPeriods(book.Period, book.Period / 100),
            BudgetPeriod.Month => seen with { Month = book.Period },
            _ => seen,
        };
        List<AccountId> accounts = [book.Account];
        if (grant is { ParentId: null })
        {
            accounts.Add(new(AccountKind.User, grant.UserId));
            accounts.AddRange(grant.ApplicationId is { } app ? [new AccountId(AccountKind.App, app)] : []);
            accounts.AddRange(grant.SponsorId is { } sponsor ? [new AccountId(AccountKind.Credit, CreditAccount.IdOf(sponsor, grant.UserId))] : []);
            db.Usage.Add(new Usage
            {
                Id = Guid.CreateVersion7(new DateTimeOffset(node.SeenAt, TimeSpan.Zero)),
                GrantId = book.Account.Id,
                At = node.SeenAt,
                Operation = "reconciled",
                CostMicros = cost,
                Estimated = true,
            });
        }

        foreach (var account in accounts)
        {
            foreach (var period in (int[])[began.Day, began.Month, SpendPeriods.Total])
            {
                // Credit has a book of its own for all that it spent, and a ledger that follows it.
                if (!told.ContainsKey(new BookKey(account, period)) && (account.Kind != AccountKind.Credit || period != SpendPeriods.Total))
                {
                    await AddAsync(db, new BookKey(account, period), cost, 0, cancellationToken);
                }
            }
        }
    }

    private static Task<int> AddAsync(BrokerDbContext db, BookKey key, long cost, long leased, CancellationToken cancellationToken)
    {
        var (kind, id, period) = ((int)key.Account.Kind, key.Account.Id, key.Period);
        return db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO spend ("Kind", "OwnerId", "Period", "CostMicros", "Calls", "LeasedMicros") VALUES ({kind}, {id}, {period}, {cost}, 0, {leased})
             ON CONFLICT ("Kind", "OwnerId", "Period") DO UPDATE SET
                 "CostMicros" = spend."CostMicros" + excluded."CostMicros", "LeasedMicros" = spend."LeasedMicros" + excluded."LeasedMicros"
             """,
            cancellationToken);
    }
}
