using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>Credit that is to come or go.</summary>
/// <param name="Kind">Why; not <see cref="CreditKind.Spend"/>.</param>
/// <param name="SponsorId">With whom.</param>
/// <param name="UserId">Whose.</param>
/// <param name="Micros">How much, above zero; below it where an adjustment takes.</param>
/// <param name="Reference">Under the same one of a sponsor it is posted once.</param>
/// <param name="Actor">As in <see cref="AuditLog.RecordAsync"/>.</param>
internal sealed record CreditOrder(CreditKind Kind, Guid SponsorId, Guid UserId, long Micros, string Reference, string Actor)
{
    public string? Note { get; init; }

    /// <summary>The top-up that a refund gives back.</summary>
    public Guid? RefundOf { get; init; }

    /// <summary>What it asks for, whoever asks and whenever.</summary>
    public byte[] Hash() => SHA256.HashData(Encoding.UTF8.GetBytes($"{Kind}\n{UserId:N}\n{Micros}\n{RefundOf:N}\n{Note}"));
}

internal enum CreditRefusal
{
    /// <summary>Something else was posted under the same reference.</summary>
    ReferenceUsed,

    /// <summary>So much is not left: it was used, or open calls may still use it.</summary>
    NotLeft,

    /// <summary>More than the top-up brought, with what was given back of it before.</summary>
    MoreThanTopUp,

    /// <summary>More than one account holds.</summary>
    TooMuch,
}

/// <summary>What became of an order.</summary>
/// <param name="Transaction">What was posted, now or the first time that it was asked for.</param>
/// <param name="Refusal">Why there is none.</param>
/// <param name="AvailableMicros">Where there is too little: what could be given back now.</param>
internal sealed record CreditOutcome(CreditTransaction? Transaction, CreditRefusal? Refusal = null, long AvailableMicros = 0)
{
    /// <summary>True where it had been posted before, and nothing was done now.</summary>
    public bool IsRepeated { get; init; }
}

/// <summary>
/// Posts top-ups, refunds and adjustments, once each, with their audit event in the same transaction. The rule of what goes
/// back: it counts as spent in the very row that calls are leased from, by a statement that refuses to pass what came in.
/// So neither can what was used be taken back, nor what open calls may still use, and no balance falls below zero by it.
/// </summary>
internal sealed class CreditJournal(BrokerDbContext db, AuditLog audit, CreditLimits limits, LeaseUpkeep leases, TimeProvider time)
{
    /// <summary>No account holds more: sums stay far from where integers end.</summary>
    public const long MostMicros = 1_000_000_000_000;

    private const int Tries = 3;

    public async Task<CreditOutcome> RunAsync(CreditOrder order, CancellationToken cancellationToken)
    {
        if (order.Kind == CreditKind.Spend || order.Micros is 0 or > MostMicros or < -MostMicros || (order.Micros < 0 && order.Kind != CreditKind.Adjustment))
        {
            throw new ArgumentOutOfRangeException(nameof(order), order.Micros, "Not an amount of credit.");
        }

        var account = new AccountId(AccountKind.Credit, CreditAccount.IdOf(order.SponsorId, order.UserId));
        var change = order.Kind == CreditKind.Refund ? -order.Micros : order.Micros;
        CreditOutcome? outcome = null;
        for (var tries = 0; outcome is null || (outcome.Refusal == CreditRefusal.NotLeft && tries < Tries); tries++)
        {
            if (change < 0)
            {
                // What this node holds in hand and no call has claimed can be given back; its keeper may have taken some again.
                await leases.ReleaseAsync(account);
            }

            var tried = await TryAsync(order, account, change, cancellationToken);
            outcome = outcome is null || tried.Refusal != CreditRefusal.NotLeft || tried.AvailableMicros > outcome.AvailableMicros ? tried : outcome;
        }

        leases.Recheck(account);
        return outcome;
    }

    private async Task<CreditOutcome> TryAsync(CreditOrder order, AccountId account, long change, CancellationToken cancellationToken)
    {
        CreditOutcome? outcome = null;
        var funded = 0L;
        await db.InTransactionAsync(
            async () =>
            {
                outcome = await FindAsync(order, cancellationToken);
                if (outcome is null)
                {
                    outcome = await PostAsync(order, account, change, cancellationToken);
                    funded = await db.CreditAccounts.Where(a => a.Id == account.Id).Select(a => a.FundedMicros).FirstOrDefaultAsync(cancellationToken);
                }
            },
            cancellationToken);
        limits.Raise(account.Id, funded);
        return outcome!;
    }

    /// <summary>What was posted under the reference before.</summary>
    private async Task<CreditOutcome?> FindAsync(CreditOrder order, CancellationToken cancellationToken)
    {
        var before = await db.CreditTransactions.AsNoTracking()
            .FirstOrDefaultAsync(t => t.SponsorId == order.SponsorId && t.Reference == order.Reference, cancellationToken);
        return before is null ? null
            : before.Asked is { } asked && CryptographicOperations.FixedTimeEquals(asked, order.Hash()) ? new CreditOutcome(before) { IsRepeated = true }
            : new CreditOutcome(null, CreditRefusal.ReferenceUsed);
    }

    private async Task<CreditOutcome> PostAsync(CreditOrder order, AccountId account, long change, CancellationToken cancellationToken)
    {
        // An order that is repeated is answered from the row, and to the letter as at first.
        var now = time.GetUtcNow().UtcDateTime.AsStored();
        await CreditPosts.OpenAsync(db, order.SponsorId, order.UserId, now, cancellationToken);
        var row = await db.CreditAccounts.AsNoTracking().SingleAsync(a => a.Id == account.Id, cancellationToken);
        if (change > 0 && row.FundedMicros + change > MostMicros)
        {
            return new CreditOutcome(null, CreditRefusal.TooMuch);
        }

        if (order.RefundOf is { } topUp && !await IsLeftOfAsync(topUp, account.Id, order.Micros, cancellationToken))
        {
            return new CreditOutcome(null, CreditRefusal.MoreThanTopUp);
        }

        if (change < 0 && !await TryTakeAsync(account.Id, -change, cancellationToken))
        {
            var used = await db.Spend.Where(s => s.Kind == AccountKind.Credit && s.OwnerId == account.Id && s.Period == SpendPeriods.Total)
                .Select(s => s.CostMicros + s.LeasedMicros).FirstOrDefaultAsync(cancellationToken);
            return new CreditOutcome(null, CreditRefusal.NotLeft, Math.Max(0, row.FundedMicros - used));
        }

        var transaction = new CreditTransaction
        {
            Id = Guid.CreateVersion7(time.GetUtcNow()),
            SponsorId = order.SponsorId,
            Kind = order.Kind,
            Reference = order.Reference,
            At = now,
            Actor = order.Actor,
            Note = order.Note,
            Asked = order.Hash(),
            RefundOf = order.RefundOf,
            BalanceAfterMicros = row.BalanceMicros + change,
        };
        var other = order.Kind == CreditKind.Adjustment ? CreditAccountKind.Adjusted : CreditAccountKind.Received;
        await CreditPosts.AddAsync(db, transaction, [new(CreditAccountKind.User, order.UserId, change), new(other, null, -change)], cancellationToken);
        await audit.RecordAsync(
            order.Kind switch { CreditKind.TopUp => "credit.topped_up", CreditKind.Refund => "credit.refunded", _ => "credit.adjusted" },
            order.Actor, $"credit:{account.Id}", order.UserId,
            new { sponsor = order.SponsorId, micros = change, transaction = transaction.Id, refund_of = order.RefundOf }, cancellationToken);
        return new CreditOutcome(transaction);
    }

    /// <summary>Whether the top-up brought this account so much more than was given back of it.</summary>
    private async Task<bool> IsLeftOfAsync(Guid topUp, Guid accountId, long micros, CancellationToken cancellationToken)
    {
        var brought = await db.CreditLines.Where(l => l.TransactionId == topUp && l.AccountId == accountId).Select(l => l.AmountMicros).FirstOrDefaultAsync(cancellationToken);
        var given = await db.CreditTransactions.Where(t => t.RefundOf == topUp)
            .Join(db.CreditLines.Where(l => l.AccountId == accountId), t => t.Id, l => l.TransactionId, (_, l) => l.AmountMicros).SumAsync(cancellationToken);
        return brought + given >= micros;
    }

    /// <summary>Counts it as spent, where that passes nothing.</summary>
    private async Task<bool> TryTakeAsync(Guid accountId, long micros, CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO spend ("Kind", "OwnerId", "Period", "CostMicros", "Calls", "LeasedMicros") VALUES ({(int)AccountKind.Credit}, {accountId}, {SpendPeriods.Total}, 0, 0, 0)
             ON CONFLICT ("Kind", "OwnerId", "Period") DO NOTHING
             """,
            cancellationToken);
        return await db.Spend.Where(s => s.Kind == AccountKind.Credit && s.OwnerId == accountId && s.Period == SpendPeriods.Total)
            .Where(s => db.CreditAccounts.Any(a => a.Id == accountId && s.CostMicros + s.LeasedMicros + micros <= a.FundedMicros))
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.CostMicros, s => s.CostMicros + micros), cancellationToken) == 1;
    }
}
