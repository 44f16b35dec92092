using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Apps.Api;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Credit;

/// <summary>What the commands about credit do, on the database and without a broker that runs. One that runs sees it within seconds.</summary>
internal sealed class CreditDesk(IServiceProvider services)
{
    public const string Actor = "operator:cli";

    private BrokerDbContext Db => Get<BrokerDbContext>();

    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    public async Task<int> PostAsync(
        CreditKind kind, string user, string? app, long micros, string? reference, string? note, bool json, CancellationToken cancellationToken)
    {
        var sponsorId = await SponsorAsync(app, cancellationToken);
        var address = user.Trim().ToUpperInvariant();
        var userId = await Db.Users.Where(u => u.NormalizedEmail == address).Select(u => (Guid?)u.Id).FirstOrDefaultAsync(cancellationToken)
            ?? throw new KeyNotFoundException($"There is no user {user}.");
        reference = "cli:" + (OneLine.Of(reference, 200) is { Length: > 0 } given ? given : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
        var outcome = await Get<CreditJournal>().RunAsync(
            new CreditOrder(kind, sponsorId, userId, micros, reference, Actor) { Note = OneLine.Of(note, CreditTransaction.LongestNote) is { Length: > 0 } words ? words : null },
            cancellationToken);
        if (outcome.Transaction is not { } posted)
        {
            throw new InvalidOperationException(outcome.Refusal switch
            {
                CreditRefusal.ReferenceUsed => "Something else was posted under this reference.",
                CreditRefusal.NotLeft => $"So much is not left: at most {Dollars(outcome.AvailableMicros)} can be taken. What calls used, and what open calls may still use, stays.",
                _ => "No account holds so much credit.",
            });
        }

        Say(json, new { id = posted.Id, reference, user_id = userId, micros, balance_micros = posted.BalanceAfterMicros, repeated = outcome.IsRepeated }, outcome.IsRepeated
            ? $"It was posted before, under this reference. Nothing was done now."
            : $"Posted. {user} has {Dollars(posted.BalanceAfterMicros ?? 0)} of credit with {app ?? "this broker"}.");
        return 0;
    }

    public async Task<int> ListAsync(string? app, bool json, CancellationToken cancellationToken)
    {
        var sponsorId = await SponsorAsync(app, cancellationToken);
        var accounts = await Db.CreditAccounts.AsNoTracking().Where(a => a.SponsorId == sponsorId && a.Kind == CreditAccountKind.User)
            .Join(Db.Users, a => a.UserId, u => u.Id, (a, u) => new { user = u.Email ?? u.UserName, user_id = u.Id, balance_micros = a.BalanceMicros, funded_micros = a.FundedMicros })
            .OrderBy(a => a.user).ToListAsync(cancellationToken);
        Say(json, new { accounts }, accounts.Count == 0 ? "No credit." : string.Join(Environment.NewLine, accounts.Select(a => $"{a.user}: {Dollars(a.balance_micros)} left of {Dollars(a.funded_micros)}")));
        return 0;
    }

    public async Task<int> VerifyAsync(bool json, CancellationToken cancellationToken)
    {
        var report = await Get<VerifyCredit>().RunAsync(cancellationToken);
        Say(json, new { transactions = report.Transactions, accounts = report.Accounts, faults = report.Faults }, report.Faults.Count == 0
            ? $"{report.Transactions} transactions, {report.Accounts} accounts: all balances."
            : string.Join(Environment.NewLine, report.Faults));
        return report.Faults.Count == 0 ? 0 : 1;
    }

    /// <exception cref="KeyNotFoundException">There is no such app.</exception>
    public async Task<Guid> SponsorAsync(string? app, CancellationToken cancellationToken) => app is null ? Purse.Operator
        : await Db.Apps.Where(Apps.App.InUse).Where(a => a.ClientId == app).Select(a => (Guid?)a.Id).FirstOrDefaultAsync(cancellationToken)
            ?? throw new KeyNotFoundException($"There is no app {app}.");

    public static void Say(bool json, object facts, string words) => Console.WriteLine(json ? JsonSerializer.Serialize(facts, ApiBody.Json) : words);

    public static Task<int> WithAsync(string[] configuration, Func<CreditDesk, Task<int>> work, CancellationToken cancellationToken) => CommandLine.ExplainAsync(
        "Nothing was posted, changed or listed",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            return await work(new CreditDesk(scope.ServiceProvider));
        });

    private static string Dollars(long micros) => string.Create(CultureInfo.InvariantCulture, $"${micros / 1_000_000m:0.00####}");
}
