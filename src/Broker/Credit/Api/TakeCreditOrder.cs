using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Accounts;
using TokenBroker.Apps.Api;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Safety;
using TokenBroker.Storage;

namespace TokenBroker.Credit.Api;

/// <summary>
/// Takes a top-up or refund from whoever proved to speak for a sponsor. A sponsor reaches its own users alone: those who
/// ever allowed its app anything; who else has an account here is not told. Nobody is topped up while they, or the app,
/// are suspended; what was paid can always go back.
/// </summary>
internal sealed class TakeCreditOrder(BrokerDbContext db, CreditJournal journal, IOptions<CreditOptions> options, TimeProvider time)
{
    private const string Prefix = "api:";
    private const int LongestKey = 200;

    /// <param name="secret">Who asks.</param>
    /// <param name="kind">A top-up or a refund.</param>
    /// <param name="key">The key of idempotency: the caller's own, or the event's id.</param>
    /// <param name="input">What for.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public async Task<IResult> RunAsync(CreditSecret secret, CreditKind kind, string? key, CreditInput input, CancellationToken cancellationToken)
    {
        if (key is not { Length: > 0 and <= LongestKey } || key.Any(c => c is <= ' ' or > '~'))
        {
            return Wrong("idempotency_key_missing", $"Send an Idempotency-Key of 1 to {LongestKey} visible characters, the same one whenever this is tried again.");
        }

        if (await UserAsync(secret.SponsorId, input.User, cancellationToken) is not { } userId)
        {
            return Problem(StatusCodes.Status404NotFound, "unknown_user", "There is no such user of this app. Give the 'sub' that its tokens are issued for.");
        }

        CreditTransaction? topUp = null;
        if (kind == CreditKind.Refund && (topUp = await TopUpAsync(secret.SponsorId, input.TopUp, cancellationToken)) is null)
        {
            return Problem(StatusCodes.Status404NotFound, "unknown_top_up", "There is no such top-up. Give its id, or the key that it was posted under, as 'top_up'.");
        }

        var micros = topUp is not null && input is { Amount: null, AmountMicros: null } ? await AmountAsync(topUp, userId, cancellationToken) : input.Micros(options.Value.MostTopUpMicros);
        if (micros is not { } amount || (kind == CreditKind.TopUp && input.TopUp is not null))
        {
            return Wrong("invalid_amount", $"Give either 'amount', in dollars as a text such as \"5.00\", or 'amount_micros': above zero, and at most {options.Value.MostTopUpMicros} micro-dollars. The currency is USD.");
        }

        if (kind == CreditKind.TopUp && await SuspendedAsync(secret.SponsorId, userId, cancellationToken) is { } suspended)
        {
            return Problem(StatusCodes.Status403Forbidden, suspended, "The user, or the app, is suspended: no credit can be added. What was there stays, and can be refunded.");
        }

        var note = OneLine.Of(input.Note, CreditTransaction.LongestNote);
        var outcome = await journal.RunAsync(
            new CreditOrder(kind, secret.SponsorId, userId, amount, Prefix + key, $"credit_secret:{secret.Id}") { Note = note.Length > 0 ? note : null, RefundOf = topUp?.Id },
            cancellationToken);
        return outcome.Transaction is { } posted
            ? ApiBody.Write(
                new CreditAnswer(posted.Id, kind == CreditKind.TopUp ? "top_up" : "refund", userId.ToString(), amount, "USD", posted.BalanceAfterMicros ?? 0, posted.At),
                StatusCodes.Status201Created)
            : Refuse(outcome);
    }

    /// <summary>What is left of a user's credit.</summary>
    public async Task<IResult> BalanceAsync(CreditSecret secret, string user, CancellationToken cancellationToken)
    {
        if (await UserAsync(secret.SponsorId, user, cancellationToken) is not { } userId)
        {
            return Problem(StatusCodes.Status404NotFound, "unknown_user", "There is no such user of this app.");
        }

        var id = CreditAccount.IdOf(secret.SponsorId, userId);
        var account = await db.CreditAccounts.AsNoTracking().FirstOrDefaultAsync(a => a.Id == id, cancellationToken);
        var leased = await db.Spend.Where(s => s.Kind == AccountKind.Credit && s.OwnerId == id && s.Period == SpendPeriods.Total).Select(s => s.LeasedMicros).FirstOrDefaultAsync(cancellationToken);
        var balance = account?.BalanceMicros ?? 0;
        return ApiBody.Write(new { user = userId, currency = "USD", balance_micros = balance, available_micros = Math.Max(0, balance - leased), funded_micros = account?.FundedMicros ?? 0 });
    }

    private async Task<Guid?> UserAsync(Guid sponsorId, string? user, CancellationToken cancellationToken)
    {
        if (Guid.TryParseExact(user, "D", out var id))
        {
            return sponsorId == Purse.Operator
                ? await db.Users.AnyAsync(u => u.Id == id, cancellationToken) ? id : null
                : await db.Grants.AnyAsync(g => g.UserId == id && g.ApplicationId == sponsorId, cancellationToken) ? id : null;
        }

        var address = user?.Trim().ToUpperInvariant();
        return sponsorId == Purse.Operator && address is { Length: > 0 and < 300 }
            ? await db.Users.Where(u => u.NormalizedEmail == address).Select(u => (Guid?)u.Id).FirstOrDefaultAsync(cancellationToken)
            : null;
    }

    private async Task<CreditTransaction?> TopUpAsync(Guid sponsorId, string? named, CancellationToken cancellationToken)
    {
        if (named is not { Length: > 0 and <= LongestKey })
        {
            return null;
        }

        var (id, reference) = (Guid.TryParseExact(named, "D", out var given) ? given : Guid.Empty, Prefix + named);
        return await db.CreditTransactions.AsNoTracking()
            .Where(t => t.SponsorId == sponsorId && t.Kind == CreditKind.TopUp && (t.Id == id || t.Reference == reference))
            .OrderBy(t => t.Id != id).FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>All that a top-up brought a user.</summary>
    private async Task<long?> AmountAsync(CreditTransaction topUp, Guid userId, CancellationToken cancellationToken)
    {
        var account = CreditAccount.IdOf(topUp.SponsorId, userId);
        return await db.CreditLines.Where(l => l.TransactionId == topUp.Id && l.AccountId == account).Select(l => (long?)l.AmountMicros).FirstOrDefaultAsync(cancellationToken);
    }

    private async Task<string?> SuspendedAsync(Guid sponsorId, Guid userId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return await Sanction.OfUser(db, userId, now).AnyAsync(cancellationToken) ? "user_suspended"
            : await db.Sanctions.Where(Sanction.InForceAt(now)).AnyAsync(s => s.AppId == sponsorId, cancellationToken) ? "app_suspended"
            : null;
    }

    private static IResult Refuse(CreditOutcome outcome) => outcome.Refusal switch
    {
        CreditRefusal.ReferenceUsed => Problem(StatusCodes.Status422UnprocessableEntity, "idempotency_key_reused", "Something else was posted under this key."),
        CreditRefusal.NotLeft => TypedResults.Problem(
            "So much is not left: what calls used, and what open calls may still use, does not go back.", statusCode: StatusCodes.Status409Conflict,
            extensions: new Dictionary<string, object?> { ["code"] = "credit_used", ["available_micros"] = outcome.AvailableMicros }),
        CreditRefusal.MoreThanTopUp => Problem(StatusCodes.Status409Conflict, "more_than_top_up", "This is more than is left of what that top-up brought this user."),
        _ => Problem(StatusCodes.Status409Conflict, "too_much_credit", "The user's account would hold more than one may."),
    };

    internal static IResult Problem(int status, string code, string detail) =>
        TypedResults.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code });

    private static IResult Wrong(string code, string detail) => Problem(StatusCodes.Status400BadRequest, code, detail);
}
