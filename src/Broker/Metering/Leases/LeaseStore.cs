using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>What a lease brought, and what the account's row says after it.</summary>
/// <param name="Granted">Zero where the cap has no room for what is missing; it may still have some.</param>
internal readonly record struct Leased(long Granted, long Spent, long LeasedInAll, long Cap);

/// <summary>
/// Leases in the database. The cap that holds is the one in the database, in the same statement that takes the lease:
/// spent and leased together never pass it, whichever nodes ask at one time and whatever they know.
/// </summary>
internal sealed class LeaseStore(IServiceScopeFactory scopes)
{
    private const int Tries = 8;

    /// <param name="node">The node that leases.</param>
    /// <param name="book">Of which account and period.</param>
    /// <param name="wish">How much.</param>
    /// <param name="cancellationToken">Leaves open whether it was committed.</param>
    public async Task<Leased> LeaseAsync(Guid node, BookKey book, LeaseWish wish, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        Leased leased = default;
        for (var i = 0; i < Tries; i++)
        {
            leased = await ReadAsync(db, book, cancellationToken);
            var amount = wish.Of(leased.Cap - leased.Spent - leased.LeasedInAll);
            if (amount == 0 || await TryTakeAsync(db, node, book, amount, cancellationToken))
            {
                return leased with { Granted = amount, LeasedInAll = leased.LeasedInAll + amount };
            }
        }

        return leased;
    }

    /// <summary>The account's row and cap as they are.</summary>
    public async Task<Leased> ReadAsync(BookKey book, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await ReadAsync(scope.ServiceProvider.GetRequiredService<BrokerDbContext>(), book, cancellationToken);
    }

    /// <summary>Of some grants, those of a user or app that no other grant was cut for: what others spend counts under them as well.</summary>
    public async Task<HashSet<Guid>> TopGrantsOfAsync(AccountId account, IReadOnlyList<Guid> among, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var grants = scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Grants.AsNoTracking().Where(g => among.Contains(g.Id) && g.ParentId == null);
        grants = account.Kind == AccountKind.User ? grants.Where(g => g.UserId == account.Id) : grants.Where(g => g.ApplicationId == account.Id);
        return await grants.Select(g => g.Id).ToHashSetAsync(cancellationToken);
    }

    /// <summary>Gives back what the book does not hold any more.</summary>
    public async Task GiveBackAsync(Guid node, BookKey book, long amount, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var (kind, id, period) = (book.Account.Kind, book.Account.Id, book.Period);
        await db.InSharedTransactionAsync(
            async () =>
            {
                // The account's row before the lease's, as whoever else touches both.
                var lease = db.SpendLeases.Where(l => l.NodeId == node && l.Kind == kind && l.OwnerId == id && l.Period == period);
                var had = await db.Spend.Where(s => s.Kind == kind && s.OwnerId == id && s.Period == period && lease.Any(l => l.Micros >= amount))
                    .ExecuteUpdateAsync(set => set.SetProperty(s => s.LeasedMicros, s => s.LeasedMicros - amount), cancellationToken);
                if (had == 1)
                {
                    // PostgreSQL read the lease as it was before it waited for the account's row: what holds is this.
                    if (await lease.Where(l => l.Micros >= amount).ExecuteUpdateAsync(set => set.SetProperty(l => l.Micros, l => l.Micros - amount), cancellationToken) != 1)
                    {
                        throw new InvalidOperationException("A lease was used up while it was given back. Nothing was changed.");
                    }

                    await lease.Where(l => l.Micros == 0).ExecuteDeleteAsync(cancellationToken);
                }
            },
            cancellationToken);
    }

    private static async Task<bool> TryTakeAsync(BrokerDbContext db, Guid node, BookKey book, long amount, CancellationToken cancellationToken)
    {
        var (kind, id, period) = (book.Account.Kind, book.Account.Id, book.Period);
        var taken = false;
        await db.InSharedTransactionAsync(
            async () =>
            {
                await db.Database.ExecuteSqlAsync(
                    $"""
                     INSERT INTO spend ("Kind", "OwnerId", "Period", "CostMicros", "Calls", "LeasedMicros") VALUES ({(int)kind}, {id}, {period}, 0, 0, 0)
                     ON CONFLICT ("Kind", "OwnerId", "Period") DO NOTHING
                     """,
                    cancellationToken);
                var row = db.Spend.Where(s => s.Kind == kind && s.OwnerId == id && s.Period == period);
                taken = await WithinCap(db, row, book, amount)
                    .ExecuteUpdateAsync(set => set.SetProperty(s => s.LeasedMicros, s => s.LeasedMicros + amount), cancellationToken) == 1;
                if (taken)
                {
                    // A node that was settled meanwhile has no row: the key that points there refuses, and with it the lease.
                    await db.Database.ExecuteSqlAsync(
                        $"""
                         INSERT INTO spend_leases ("NodeId", "Kind", "OwnerId", "Period", "Micros") VALUES ({node}, {(int)kind}, {id}, {period}, {amount})
                         ON CONFLICT ("NodeId", "Kind", "OwnerId", "Period") DO UPDATE SET "Micros" = spend_leases."Micros" + excluded."Micros"
                         """,
                        cancellationToken);
                }
            },
            cancellationToken);
        return taken;
    }

    private static IQueryable<Spend> WithinCap(BrokerDbContext db, IQueryable<Spend> row, BookKey book, long amount)
    {
        var (account, of) = (book.Account, book.Kind);
        return account.Kind == AccountKind.Grant
            ? row.Where(s => db.Grants.Any(g => g.Id == account.Id && s.CostMicros + s.LeasedMicros + amount <= g.BudgetMicros))
            : account.Kind == AccountKind.Credit
            ? row.Where(s => db.CreditAccounts.Any(a => a.Id == account.Id && s.CostMicros + s.LeasedMicros + amount <= a.FundedMicros))
            : row.Where(s => !db.SpendCaps.Any(c =>
                c.Kind == account.Kind && c.OwnerId == account.Id && c.Period == of && s.CostMicros + s.LeasedMicros + amount > c.Micros));
    }

    private static async Task<Leased> ReadAsync(BrokerDbContext db, BookKey book, CancellationToken cancellationToken)
    {
        var (account, of) = (book.Account, book.Kind);
        var row = await db.Spend.AsNoTracking()
            .Where(s => s.Kind == account.Kind && s.OwnerId == account.Id && s.Period == book.Period)
            .Select(s => new { s.CostMicros, s.LeasedMicros })
            .FirstOrDefaultAsync(cancellationToken);
        var cap = account.Kind == AccountKind.Grant
            ? await db.Grants.Where(g => g.Id == account.Id).Select(g => (long?)g.BudgetMicros).FirstOrDefaultAsync(cancellationToken) ?? 0
            : account.Kind == AccountKind.Credit
            ? await db.CreditAccounts.Where(a => a.Id == account.Id).Select(a => (long?)a.FundedMicros).FirstOrDefaultAsync(cancellationToken) ?? 0

            // A cap that was taken away meanwhile holds nobody up; the books of it are soon let go.
            : await db.SpendCaps.Where(c => c.Kind == account.Kind && c.OwnerId == account.Id && c.Period == of).MinAsync(c => (long?)c.Micros, cancellationToken)
                ?? long.MaxValue / 4;
        return new Leased(0, row?.CostMicros ?? 0, row?.LeasedMicros ?? 0, cap);
    }
}
