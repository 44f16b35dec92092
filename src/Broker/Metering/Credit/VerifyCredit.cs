using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>What a check of the credit ledger found; empty where it is whole.</summary>
/// <param name="Transactions">How many there are.</param>
/// <param name="Accounts">How many there are.</param>
/// <param name="Faults">What is not as it must be, in words.</param>
internal sealed record CreditReport(int Transactions, int Accounts, IReadOnlyList<string> Faults);

/// <summary>
/// Proves the credit ledger from its lines: every transaction sums to zero and has lines, every balance is the sum of its
/// account's lines, what came in is the sum of those above zero (but for what calls gave back), and what is left is what came in less what the row that
/// calls are leased from counts as spent. All of it is read as it was at one moment, while calls go on.
/// </summary>
internal sealed class VerifyCredit(BrokerDbContext db)
{
    private const int MostFaults = 100;

    public async Task<CreditReport> RunAsync(CancellationToken cancellationToken)
    {
        List<string> faults = [];
        await using var snapshot = await db.BeginSnapshotAsync(cancellationToken);
        var transactions = await db.CreditTransactions.CountAsync(cancellationToken);
        var sums = await db.CreditTransactions
            .Select(t => new { t.Id, Lines = db.CreditLines.Count(l => l.TransactionId == t.Id), Sum = db.CreditLines.Where(l => l.TransactionId == t.Id).Sum(l => (long?)l.AmountMicros) ?? 0 })
            .Where(t => t.Sum != 0 || t.Lines < 2).OrderBy(t => t.Id).Take(MostFaults).ToListAsync(cancellationToken);
        faults.AddRange(sums.Select(t => $"Transaction {t.Id} has {t.Lines} lines, which sum to {t.Sum} and not to zero."));

        var accounts = await db.CreditAccounts.CountAsync(cancellationToken);
        var balances = await db.CreditAccounts
            .Select(a => new { a.Id, a.Kind, a.BalanceMicros, a.FundedMicros, Sum = db.CreditLines.Where(l => l.AccountId == a.Id).Sum(l => (long?)l.AmountMicros) ?? 0, In = db.CreditLines.Where(l => l.AccountId == a.Id && l.AmountMicros > 0 && db.CreditTransactions.Any(t => t.Id == l.TransactionId && t.Kind != CreditKind.Spend)).Sum(l => (long?)l.AmountMicros) ?? 0 })
            .Where(a => a.BalanceMicros != a.Sum || (a.Kind == CreditAccountKind.User && a.FundedMicros != a.In)).OrderBy(a => a.Id).Take(MostFaults).ToListAsync(cancellationToken);
        faults.AddRange(balances.Select(a => $"Account {a.Id} says {a.BalanceMicros} of {a.FundedMicros}; its lines say {a.Sum} of {a.In}."));

        var spent = await db.CreditAccounts.Where(a => a.Kind == CreditAccountKind.User)
            .Select(a => new { a.Id, Left = a.FundedMicros - a.BalanceMicros, Spent = db.Spend.Where(s => s.Kind == AccountKind.Credit && s.OwnerId == a.Id && s.Period == SpendPeriods.Total).Sum(s => (long?)s.CostMicros) ?? 0 })
            .Where(a => a.Left != a.Spent).OrderBy(a => a.Id).Take(MostFaults).ToListAsync(cancellationToken);
        faults.AddRange(spent.Select(a => $"Account {a.Id} lost {a.Left} by its lines; the calls and what went back come to {a.Spent}."));

        var orphans = await db.Spend.Where(s => s.Kind == AccountKind.Credit && s.CostMicros != 0 && !db.CreditAccounts.Any(a => a.Id == s.OwnerId))
            .Select(s => s.OwnerId).Distinct().OrderBy(id => id).Take(MostFaults).ToListAsync(cancellationToken);
        faults.AddRange(orphans.Select(id => $"Calls were paid from {id}, which is no account."));
        return new CreditReport(transactions, accounts, faults);
    }
}
