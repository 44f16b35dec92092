using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>What one transaction does to one account.</summary>
/// <param name="Kind">Of the account.</param>
/// <param name="UserId">Whose it is; null for the sponsor's own.</param>
/// <param name="Micros">Added, or taken where below zero.</param>
internal readonly record struct CreditEntry(CreditAccountKind Kind, Guid? UserId, long Micros);

/// <summary>
/// Writes transactions of the credit ledger, into the database transaction that is open. The invariant: lines sum to zero,
/// and each line and the balance that it changes are written together, by statements that need not know what was there.
/// </summary>
internal static class CreditPosts
{
    /// <exception cref="InvalidOperationException">The entries do not sum to zero, or no database transaction is open.</exception>
    public static async Task AddAsync(BrokerDbContext db, CreditTransaction transaction, IReadOnlyList<CreditEntry> entries, CancellationToken cancellationToken)
    {
        if (db.Database.CurrentTransaction is null || entries.Aggregate(0L, (sum, entry) => checked(sum + entry.Micros)) != 0)
        {
            throw new InvalidOperationException("A credit transaction sums to zero, and is posted in the database transaction of its cause.");
        }

        db.CreditTransactions.Add(transaction);
        await db.SaveChangesAsync(cancellationToken);
        foreach (var entry in entries)
        {
            var id = entry.UserId is { } user ? CreditAccount.IdOf(transaction.SponsorId, user) : CreditAccount.IdOf(transaction.SponsorId, entry.Kind);

            // What a call gives back, once its true cost is known, is taken out of what was spent: it came in before.
            var funds = entry.Kind == CreditAccountKind.User && entry.Micros > 0 && transaction.Kind != CreditKind.Spend ? entry.Micros : 0;
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO credit_accounts ("Id", "SponsorId", "UserId", "Kind", "BalanceMicros", "FundedMicros", "CreatedAt")
                 VALUES ({id}, {transaction.SponsorId}, {entry.UserId}, {entry.Kind.ToString()}, {entry.Micros}, {funds}, {transaction.At})
                 ON CONFLICT ("Id") DO UPDATE SET "BalanceMicros" = credit_accounts."BalanceMicros" + excluded."BalanceMicros",
                     "FundedMicros" = credit_accounts."FundedMicros" + excluded."FundedMicros"
                 """,
                cancellationToken);
            await db.Database.ExecuteSqlAsync(
                $"""INSERT INTO credit_lines ("TransactionId", "AccountId", "AmountMicros") VALUES ({transaction.Id}, {id}, {entry.Micros})""",
                cancellationToken);
        }
    }

    /// <summary>Makes the account where there is none, so that whose it is can be told from its id.</summary>
    public static Task<int> OpenAsync(BrokerDbContext db, Guid sponsorId, Guid userId, DateTime now, CancellationToken cancellationToken)
    {
        var (id, kind) = (CreditAccount.IdOf(sponsorId, userId), nameof(CreditAccountKind.User));
        return db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO credit_accounts ("Id", "SponsorId", "UserId", "Kind", "BalanceMicros", "FundedMicros", "CreatedAt")
             VALUES ({id}, {sponsorId}, {userId}, {kind}, 0, 0, {now})
             ON CONFLICT ("Id") DO NOTHING
             """,
            cancellationToken);
    }

    /// <summary>What calls cost of credit: one transaction for each sponsor whose users called.</summary>
    /// <param name="db">With the transaction open that counts the same calls as spent.</param>
    /// <param name="costs">By account.</param>
    /// <param name="reference">Of the batch.</param>
    /// <param name="now">When.</param>
    public static async Task SpendAsync(BrokerDbContext db, IEnumerable<(AccountId Account, long Cost)> costs, string reference, DateTime now)
    {
        var byId = costs.Where(one => one.Account.Kind == AccountKind.Credit && one.Cost != 0).ToDictionary(one => one.Account.Id, one => one.Cost);
        if (byId.Count == 0)
        {
            return;
        }

        var ids = byId.Keys.ToList();
        var accounts = await db.CreditAccounts.AsNoTracking().Where(a => ids.Contains(a.Id)).ToListAsync();
        foreach (var sponsor in accounts.OrderBy(a => a.Id).GroupBy(a => a.SponsorId).OrderBy(one => one.Key))
        {
            List<CreditEntry> entries = [.. sponsor.Select(a => new CreditEntry(CreditAccountKind.User, a.UserId, -byId[a.Id]))];
            entries.Add(new CreditEntry(CreditAccountKind.Used, null, -entries.Sum(entry => entry.Micros)));
            await AddAsync(
                db, new CreditTransaction { Id = Guid.CreateVersion7(new DateTimeOffset(now, TimeSpan.Zero)), SponsorId = sponsor.Key, Kind = CreditKind.Spend, Reference = reference, At = now, Actor = "system" },
                entries, CancellationToken.None);
        }
    }
}
