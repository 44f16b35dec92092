using System.Runtime.InteropServices;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// Stores a batch of calls in one transaction: their rows, what each account spent by them, and what of the node's leases
/// that used up. The transaction carries its number into the node's row. By it a batch of which nobody knows whether it
/// was committed, after a broken connection or a kill, is neither lost nor counted twice.
/// </summary>
internal sealed class SpendFlush(IServiceScopeFactory scopes, BudgetNode node, BudgetLedger ledger, TimeProvider time, ILogger<SpendFlush> logger)
{
    private Dictionary<BookKey, Sum> _sums = [];
    private List<BudgetBook> _books = [];

    /// <summary>True after a batch failed, until it is stored.</summary>
    public bool IsUnderWay { get; private set; }

    public async Task RunAsync(IReadOnlyList<UsageEntry> batch)
    {
        if (!IsUnderWay)
        {
            Begin(batch);
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var number = node.Flush + 1;
        var isLost = false;
        await db.InSharedTransactionAsync(async () => isLost = await WriteAsync(db, batch, number), CancellationToken.None);

        End();
        if (isLost)
        {
            logger.LogError("Node {Node} was settled by hand while it ran. What it had leased counts as spent; it begins anew.", node.Id);
            foreach (var book in ledger.Books)
            {
                book.Lose();
            }
        }
    }

    private void Begin(IReadOnlyList<UsageEntry> batch)
    {
        // Most of a batch are calls of a few grants: those of one line on one day are summed up first.
        var lines = new Dictionary<OpenBooks, Sum>(ReferenceEqualityComparer.Instance);
        foreach (var entry in batch)
        {
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(lines, entry.Reservation.Open, out _);
            sum.Cost += entry.Usage.CostMicros;
            sum.Calls++;
        }

        var costs = new Dictionary<BudgetBook, long>(ReferenceEqualityComparer.Instance);
        foreach (var (open, sum) in lines)
        {
            foreach (var account in open.Line.Accounts)
            {
                Add(new BookKey(account.Id, open.Now.Day), sum);
                Add(new BookKey(account.Id, open.Now.Month), sum);
                Add(new BookKey(account.Id, SpendPeriods.Total), sum);
            }

            foreach (var one in open.Books)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(costs, one.Book, out _) += sum.Cost;
            }
        }

        foreach (var (book, cost) in costs)
        {
            if (cost != 0)
            {
                book.BeginFlush(node.Flush + 1, cost);
                _books.Add(book);
            }
        }

        IsUnderWay = true;
    }

    private void Add(BookKey key, in Sum of)
    {
        ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums, key, out _);
        sum.Cost += of.Cost;
        sum.Calls += of.Calls;
    }

    private void End()
    {
        foreach (var book in _books)
        {
            book.EndFlush();
        }

        (_sums, _books) = ([], []);
        node.Flush++;
        IsUnderWay = false;
    }

    /// <returns>True where the node's row was gone, and its leases with it.</returns>
    private async Task<bool> WriteAsync(BrokerDbContext db, IReadOnlyList<UsageEntry> batch, long number)
    {
        // A try before this one may be committed by now, or be about to: this waits for its row, and then finds the number there.
        var now = time.GetUtcNow().UtcDateTime;
        var isNew = await db.SpendNodes.Where(n => n.Id == node.Id && n.Flush < number)
            .ExecuteUpdateAsync(set => set.SetProperty(n => n.Flush, number).SetProperty(n => n.SeenAt, now)) == 1;
        if (!isNew && await db.SpendNodes.AnyAsync(n => n.Id == node.Id))
        {
            return false;
        }

        var isLost = !isNew;
        if (isLost)
        {
            var row = node.Row();
            row.Flush = number;
            db.SpendNodes.Add(row);
        }

        await db.SaveChangesAsync();
        await UsageRows.InsertAsync(db, batch);
        foreach (var entry in batch.Where(entry => entry.Job is not null))
        {
            entry.Job!.CountsIn(entry.Reservation.Open);
            db.OpenJobs.Add(entry.Job);
        }

        // Asked of the books now: between two tries the node may have been settled, and what it had leased is spent then.
        var leases = _books.ToLookup(book => book.Key, book => isLost ? 0 : book.FlushingLease);

        // Every node touches rows in one order, here and below: two that wait for each other would both wait for nothing.
        foreach (var (key, sum) in _sums.OrderBy(one => one.Key.Account.Id).ThenBy(one => one.Key.Account.Kind).ThenBy(one => one.Key.Period))
        {
            var (kind, id, period, ofLease) = ((int)key.Account.Kind, key.Account.Id, key.Period, leases[key].Sum());
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO spend ("Kind", "OwnerId", "Period", "CostMicros", "Calls", "LeasedMicros") VALUES ({kind}, {id}, {period}, {sum.Cost}, {sum.Calls}, {-ofLease})
                 ON CONFLICT ("Kind", "OwnerId", "Period") DO UPDATE SET "CostMicros" = spend."CostMicros" + excluded."CostMicros",
                     "Calls" = spend."Calls" + excluded."Calls", "LeasedMicros" = spend."LeasedMicros" + excluded."LeasedMicros"
                 """);
            if (ofLease != 0)
            {
                await db.Database.ExecuteSqlAsync(
                    $"""
                     UPDATE spend_leases SET "Micros" = "Micros" - {ofLease}
                     WHERE "NodeId" = {node.Id} AND "Kind" = {kind} AND "OwnerId" = {id} AND "Period" = {period}
                     """);
            }
        }

        await CreditPosts.SpendAsync(db, _sums.Where(one => one.Key.Period == SpendPeriods.Total).Select(one => (one.Key.Account, one.Value.Cost)), $"spend:{node.Id:N}:{number}", now);
        foreach (var grant in batch.GroupBy(entry => entry.Usage.GrantId).OrderBy(grant => grant.Key))
        {
            var last = grant.Max(entry => entry.Usage.At);
            await db.Grants.Where(g => g.Id == grant.Key).ExecuteUpdateAsync(set => set.SetProperty(g => g.LastUsedAt, last));
        }

        foreach (var key in batch.GroupBy(entry => entry.UpstreamKeyId).OrderBy(key => key.Key))
        {
            var last = key.Max(entry => entry.Usage.At);
            if (await db.UpstreamKeys.Where(k => k.Id == key.Key).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, last)) == 0)
            {
                await db.SponsorKeys.Where(k => k.Id == key.Key).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, last));
            }
        }

        return isLost;
    }

    private struct Sum
    {
        public long Cost;
        public long Calls;
    }
}
