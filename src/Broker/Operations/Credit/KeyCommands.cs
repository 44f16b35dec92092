using System.CommandLine;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Credit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Operations.Credit;

/// <summary><c>credit key put|withdraw|list</c>. The key comes from standard input: what stands on a command line is in the shell's history and seen by every user of the machine.</summary>
internal static class KeyCommands
{
    private const int LongestInput = 4_096;

    public static Command Create(string[] configuration, Option<string?> app, Option<bool> json)
    {
        var upstream = new Option<string>("--upstream") { Description = "For which provider.", DefaultValueFactory = _ => "openai" };
        var put = new Command("put", "Put up a key, read from standard input. It takes the place of the one before.") { app, upstream, json };
        put.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration, desk => PutAsync(desk, result.GetValue(app), result.GetValue(upstream)!, result.GetValue(json), cancellationToken), cancellationToken));
        var withdraw = new Command("withdraw", "Take the key back. Calls on the credit are refused from then on; the credit stays.") { app, upstream, json };
        withdraw.SetAction((result, cancellationToken) => CreditDesk.WithAsync(
            configuration, desk => WithdrawAsync(desk, result.GetValue(app), result.GetValue(upstream)!, result.GetValue(json), cancellationToken), cancellationToken));
        var list = new Command("list", "The keys that are put up, for every sponsor.") { json };
        list.SetAction((result, cancellationToken) => CreditDesk.WithAsync(configuration, desk => ListAsync(desk, result.GetValue(json), cancellationToken), cancellationToken));
        return new Command("key", "The keys that calls on credit are made with.") { put, withdraw, list };
    }

    private static async Task<int> PutAsync(CreditDesk desk, string? app, string upstreamId, bool json, CancellationToken cancellationToken)
    {
        var sponsorId = await desk.SponsorAsync(app, cancellationToken);
        var upstream = desk.Get<Catalogue>().Find(upstreamId) ?? throw new KeyNotFoundException($"There is no upstream {upstreamId}.");
        var buffer = new char[LongestInput];
        var length = await Console.In.ReadBlockAsync(buffer, cancellationToken);
        using var secret = Secret.FromText(new string(buffer, 0, length).Trim());
        Array.Clear(buffer);
        if (await desk.Get<PutUpKey>().RunAsync(sponsorId, upstream, secret, CreditDesk.Actor, cancellationToken) is { } complaint)
        {
            throw new InvalidOperationException(complaint);
        }

        CreditDesk.Say(json, new { put_up = true, upstream = upstreamId, app }, $"Put up. Users can pay {(app is null ? "any app's" : $"{app}'s")} calls to {upstream.Name} by credit with {app ?? "this broker"}.");
        return 0;
    }

    private static async Task<int> WithdrawAsync(CreditDesk desk, string? app, string upstreamId, bool json, CancellationToken cancellationToken)
    {
        var grants = await desk.Get<WithdrawSponsorKey>().RunAsync(await desk.SponsorAsync(app, cancellationToken), upstreamId, CreditDesk.Actor, cancellationToken)
            ?? throw new InvalidOperationException("There is no such key.");
        CreditDesk.Say(json, new { withdrawn = true, grants }, $"Withdrawn. Grants that paid with it: {grants}. Brokers that run end their calls within seconds.");
        return 0;
    }

    private static async Task<int> ListAsync(CreditDesk desk, bool json, CancellationToken cancellationToken)
    {
        var db = desk.Get<BrokerDbContext>();
        var apps = db.Apps.Select(a => new { a.Id, a.ClientId });
        var rows = await db.SponsorKeys.AsNoTracking().OrderBy(k => k.CreatedAt)
            .Select(k => new { app = apps.Where(a => a.Id == k.SponsorId).Select(a => a.ClientId).FirstOrDefault(), upstream = k.UpstreamId, last_four = k.LastFour, status = k.Status, last_used_at = k.LastUsedAt })
            .ToListAsync(cancellationToken);
        CreditDesk.Say(json, new { keys = rows }, rows.Count == 0 ? "No key is put up." : string.Join(Environment.NewLine, rows.Select(k => $"{k.app ?? "this broker"}  {k.upstream}  ····{k.last_four}  {k.status}")));
        return 0;
    }
}
