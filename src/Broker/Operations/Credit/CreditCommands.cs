using System.CommandLine;
using System.Globalization;
using TokenBroker.Metering;

namespace TokenBroker.Operations.Credit;

/// <summary><c>credit ...</c>: keys that are put up, secrets, top-ups, refunds, balances, and the proof of the ledger.</summary>
internal static class CreditCommands
{
    public static Command Create(string[] configuration)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var app = new Option<string?>("--app") { Description = "Credit with this app, by its client id. Without it: credit with this broker." };
        var user = new Option<string>("--user") { Description = "The address of an account.", Required = true };

        var verify = new Command("verify", "Prove that every transaction balances, and every balance is the sum of its lines.") { json };
        verify.SetAction((result, cancellationToken) => CreditDesk.WithAsync(configuration, desk => desk.VerifyAsync(result.GetValue(json), cancellationToken), cancellationToken));

        var list = new Command("list", "The balances of all users with a sponsor.") { app, json };
        list.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration, desk => desk.ListAsync(result.GetValue(app), result.GetValue(json), cancellationToken), cancellationToken));
        return new Command("credit", "Prepaid credit: users' calls on a key of an app's owner, or of this broker.")
        {
            KeyCommands.Create(configuration, app, json),
            SecretCommands.Create(configuration, app, json),
            Posting(configuration, "top-up", "Give a user credit that was paid for.", CreditKind.TopUp, app, user, json),
            Posting(configuration, "refund", "Take credit back that was not used, where its money went back.", CreditKind.Refund, app, user, json),
            Posting(configuration, "adjust", "Give or, with an amount below zero, take credit by hand.", CreditKind.Adjustment, app, user, json),
            list,
            verify,
        };
    }

    private static Command Posting(string[] configuration, string name, string words, CreditKind kind, Option<string?> app, Option<string> user, Option<bool> json)
    {
        var usd = new Option<decimal>("--usd") { Description = "Dollars; at most six digits after the point.", Required = true };
        var reference = new Option<string?>("--reference") { Description = "Such as the payment's number. Under the same one it is posted once." };
        var note = new Option<string?>("--note") { Description = "For the user to read." };
        var command = new Command(name, words) { user, app, usd, reference, note, json };
        command.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration,
            desk => desk.PostAsync(
                kind, result.GetRequiredValue(user), result.GetValue(app), Micros(result.GetValue(usd), kind), result.GetValue(reference), result.GetValue(note), result.GetValue(json),
                cancellationToken),
            cancellationToken));
        return command;
    }

    /// <exception cref="InvalidOperationException">Not an amount.</exception>
    private static long Micros(decimal usd, CreditKind kind) =>
        usd != 0 && (usd > 0 || kind == CreditKind.Adjustment) && Math.Abs(usd) <= CreditJournal.MostMicros / 1_000_000m && decimal.Truncate(usd * 1_000_000) == usd * 1_000_000
            ? (long)(usd * 1_000_000)
            : throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"--usd is an amount up to {CreditJournal.MostMicros / 1_000_000}, with at most six digits after the point; only an adjustment goes below zero."));
}
