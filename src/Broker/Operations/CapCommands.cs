using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary><c>caps set|list|clear</c>: the operator's caps on what an app or a user may spend, beside those that they set themselves.</summary>
internal static class CapCommands
{
    public static Command Create(string[] configuration)
    {
        var kind = new Argument<string>("kind") { Description = "'app' or 'user'." }.AcceptOnlyFromAmong("app", "user");
        var name = new Argument<string>("name") { Description = "The app's client id, or the user's address." };
        var period = new Option<BudgetPeriod>("--period") { Description = "For which time.", DefaultValueFactory = _ => BudgetPeriod.Month };
        var usd = new Option<decimal>("--usd") { Description = "Dollars; at most six digits after the point.", Required = true };
        var json = new Option<bool>("--json") { Description = "Print JSON." };

        var set = new Command("set", "Cap what an app, over all its users, or a user, over all their apps, may spend.") { kind, name, period, usd };
        set.SetAction((result, cancellationToken) => SetAsync(
            configuration, result.GetRequiredValue(kind), result.GetRequiredValue(name), result.GetValue(period), result.GetValue(usd), cancellationToken));
        var clear = new Command("clear", "Take the operator's cap away. One that the owner or user set stays.") { kind, name, period };
        clear.SetAction((result, cancellationToken) => SetAsync(
            configuration, result.GetRequiredValue(kind), result.GetRequiredValue(name), result.GetValue(period), null, cancellationToken));
        var list = new Command("list", "The caps, whoever set them, and what is spent of each.") { kind, name, json };
        list.SetAction((result, cancellationToken) => ListAsync(
            configuration, result.GetRequiredValue(kind), result.GetRequiredValue(name), result.GetValue(json), cancellationToken));
        return new Command("caps", "What apps and users may spend at most.") { set, list, clear };
    }

    /// <exception cref="InvalidOperationException">Not an amount.</exception>
    private static long Micros(decimal usd) =>
        usd is >= 0 and <= 10_000_000 && decimal.Truncate(usd * 1_000_000) == usd * 1_000_000
            ? (long)(usd * 1_000_000)
            : throw new InvalidOperationException("--usd is an amount from 0 to 10000000, with at most six digits after the point.");

    private static Task<int> SetAsync(string[] configuration, string kind, string name, BudgetPeriod period, decimal? usd, CancellationToken cancellationToken) =>
        WithAccountAsync(configuration, kind, name, async (services, account) =>
        {
            var micros = usd is { } dollars ? Micros(dollars) : (long?)null;
            await services.GetRequiredService<SetCaps>().RunAsync(
                account, new Dictionary<BudgetPeriod, long?> { [period] = micros }, CapSetter.Operator, "operator:cli", cancellationToken);
            Console.WriteLine(micros is { } amount
                ? string.Create(CultureInfo.InvariantCulture, $"{name} may spend at most ${amount / 1_000_000m} ({period}). Brokers that run hold it within seconds.")
                : $"No cap of the operator for {name} ({period}).");
        }, cancellationToken);

    private static Task<int> ListAsync(string[] configuration, string kind, string name, bool json, CancellationToken cancellationToken) =>
        WithAccountAsync(configuration, kind, name, async (services, account) =>
        {
            var now = SpendPeriods.Of(services.GetRequiredService<TimeProvider>().GetUtcNow());
            var spent = await services.GetRequiredService<BrokerDbContext>().Spend.AsNoTracking()
                .Where(s => s.Kind == account.Kind && s.OwnerId == account.Id).ToDictionaryAsync(s => s.Period, cancellationToken);
            var caps = (await services.GetRequiredService<SetCaps>().ListAsync(account, cancellationToken)).Select(cap => new
            {
                period = cap.Period.ToString().ToLowerInvariant(),
                set_by = cap.SetBy.ToString().ToLowerInvariant(),
                micros = cap.Micros,
                spent_micros = spent.GetValueOrDefault(now.Of(cap.Period))?.CostMicros ?? 0,
                leased_micros = spent.GetValueOrDefault(now.Of(cap.Period))?.LeasedMicros ?? 0,
            }).ToList();
            Console.WriteLine(json ? JsonSerializer.Serialize(new { caps })
                : caps.Count == 0 ? "No caps."
                : string.Join(Environment.NewLine, caps.Select(cap => string.Create(
                    CultureInfo.InvariantCulture,
                    $"{cap.period}, set by the {cap.set_by}: ${cap.micros / 1_000_000m}; spent ${cap.spent_micros / 1_000_000m}, leased ${cap.leased_micros / 1_000_000m}"))));
        }, cancellationToken);

    private static Task<int> WithAccountAsync(
        string[] configuration, string kind, string name, Func<IServiceProvider, AccountId, Task> work, CancellationToken cancellationToken) => CommandLine.ExplainAsync(
        "The caps were not changed or listed",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            await work(scope.ServiceProvider, await FindAsync(scope.ServiceProvider.GetRequiredService<BrokerDbContext>(), kind, name, cancellationToken));
            return 0;
        });

    private static async Task<AccountId> FindAsync(BrokerDbContext db, string kind, string name, CancellationToken cancellationToken)
    {
        var normalised = name.Trim().ToUpperInvariant();
        var id = kind == "app"
            ? await db.Apps.Where(a => a.ClientId == name).Select(a => (Guid?)a.Id).FirstOrDefaultAsync(cancellationToken)
            : await db.Users.Where(u => u.NormalizedEmail == normalised).Select(u => (Guid?)u.Id).FirstOrDefaultAsync(cancellationToken);
        return new AccountId(kind == "app" ? AccountKind.App : AccountKind.User, id ?? throw new KeyNotFoundException($"There is no {kind} {name}."));
    }
}
