using System.CommandLine;
using System.Globalization;
using TokenBroker.Credit;

namespace TokenBroker.Operations.Credit;

/// <summary><c>credit secret create|revoke|list</c>: what a payment provider tops credit up with.</summary>
internal static class SecretCommands
{
    public static Command Create(string[] configuration, Option<string?> app, Option<bool> json)
    {
        var name = new Option<string?>("--name") { Description = "What uses it." };
        var create = new Command("create", "Make a secret for top-ups, and the key that webhooks are signed with. Both are shown this once.") { app, name, json };
        create.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration, desk => CreateAsync(desk, result.GetValue(app), result.GetValue(name), result.GetValue(json), cancellationToken), cancellationToken));
        var id = new Argument<Guid>("id") { Description = "As 'credit secret list' shows it." };
        var revoke = new Command("revoke", "End a secret. It works no more from the next request on.") { id, app, json };
        revoke.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration, desk => RevokeAsync(desk, result.GetRequiredValue(id), result.GetValue(app), result.GetValue(json), cancellationToken), cancellationToken));
        var list = new Command("list", "The secrets that work.") { app, json };
        list.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration, desk => ListAsync(desk, result.GetValue(app), result.GetValue(json), cancellationToken), cancellationToken));
        return new Command("secret", "What tops credit up by the API and by webhooks.") { create, revoke, list };
    }

    private static async Task<int> CreateAsync(CreditDesk desk, string? app, string? name, bool json, CancellationToken cancellationToken)
    {
        var made = await desk.Get<CreditSecrets>().CreateAsync(await desk.SponsorAsync(app, cancellationToken), name, CreditDesk.Actor, cancellationToken)
            ?? throw new InvalidOperationException($"There are {CreditSecrets.MostSecrets} secrets, the most that one sponsor keeps. Revoke one first.");
        CreditDesk.Say(json, new { id = made.Id, secret = made.Text, signing_key = made.SigningKey }, string.Join(
            Environment.NewLine,
            $"Secret:      {made.Text}",
            $"Signing key: {made.SigningKey}",
            $"Webhooks go to /api/v1/credit/webhooks/{made.Id}. Neither is shown again."));
        return 0;
    }

    private static async Task<int> RevokeAsync(CreditDesk desk, Guid id, string? app, bool json, CancellationToken cancellationToken)
    {
        if (!await desk.Get<CreditSecrets>().RevokeAsync(await desk.SponsorAsync(app, cancellationToken), id, CreditDesk.Actor, cancellationToken))
        {
            throw new InvalidOperationException("There is no such secret.");
        }

        CreditDesk.Say(json, new { revoked = id }, "Revoked.");
        return 0;
    }

    private static async Task<int> ListAsync(CreditDesk desk, string? app, bool json, CancellationToken cancellationToken)
    {
        var secrets = (await desk.Get<CreditSecrets>().ListAsync(await desk.SponsorAsync(app, cancellationToken), cancellationToken))
            .Select(s => new { id = s.Id, name = s.Name, created_at = s.CreatedAt, last_used_at = s.LastUsedAt }).ToList();
        CreditDesk.Say(json, new { secrets }, secrets.Count == 0 ? "No secrets." : string.Join(Environment.NewLine, secrets.Select(s => string.Create(
            CultureInfo.InvariantCulture, $"{s.id}  {s.name}  made {s.created_at:u}{(s.last_used_at is { } used ? string.Create(CultureInfo.InvariantCulture, $", used {used:u}") : "")}"))));
        return 0;
    }
}
