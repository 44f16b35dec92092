using System.Globalization;
using System.Text.Json;
using TokenBroker.Audit;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Vaults;

/// <summary><c>vault rewrap</c>.</summary>
internal static class RewrapCommand
{
    public static async Task<int> RunAsync(IServiceProvider services, bool json, CancellationToken cancellationToken)
    {
        var vault = services.GetRequiredService<Vault>();
        var time = services.GetRequiredService<TimeProvider>();
        var target = await vault.CurrentKeyIdAsync(cancellationToken);
        await RecordAsync(services, KekEvents.RewrapStarted, target, null, cancellationToken);

        var (began, wraps, unwraps) = (time.GetTimestamp(), vault.Wraps, vault.Unwraps);
        RewrapReport report;
        using (var progress = new ProgressLine("Rewrapping", time))
        {
            report = await services.GetRequiredService<Rewrap>().RunAsync(
                now => progress.Show(now.Moved, now.ToMove, now.Waiting is null ? null : "waiting for the vault: " + now.Waiting), cancellationToken);
        }

        var took = time.GetElapsedTime(began);
        (wraps, unwraps) = (vault.Wraps - wraps, vault.Unwraps - unwraps);
        var left = report.Left.Sum(use => use.Records);
        await RecordAsync(services, KekEvents.Rewrapped, report.KekId, new { moved = report.Moved, left, cannot_be_opened = report.Troubled.Count }, CancellationToken.None);
        Console.WriteLine(json ? JsonOf(report, took, wraps, unwraps) : TextOf(report, took, wraps, unwraps));
        return left == 0 && report.Troubled.Count == 0 ? 0 : 1;
    }

    private static string TextOf(RewrapReport report, TimeSpan took, long wraps, long unwraps)
    {
        var rate = report.Moved / Math.Max(took.TotalSeconds, 0.001);
        var lines = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"{report.Moved:N0} records moved to {report.KekId} in {took.TotalSeconds:0.0} s, {rate:N0} a second; the vault wrapped {wraps:N0} and unwrapped {unwraps:N0} times."),
        };
        if (report.Troubled.Count > 0)
        {
            lines.Add(VaultStatus.Number(report.Troubled.Count) + " records could not be moved and were left as they are:");
            lines.AddRange(VaultStatus.Lines(report.Troubled));
        }

        lines.Add(report.Left.Count == 0
            ? "0 records are left under other versions."
            : $"{VaultStatus.Number(report.Left.Sum(use => use.Records))} records are left under other versions:");
        lines.AddRange(report.Left.GroupBy(use => use.KekId).Select(uses => $"  {(uses.Key.Length == 0 ? "(not readable)" : uses.Key)}  {VaultStatus.Words(uses)}"));
        return string.Join(Environment.NewLine, lines);
    }

    private static string JsonOf(RewrapReport report, TimeSpan took, long wraps, long unwraps) => JsonSerializer.Serialize(new
    {
        version = report.KekId,
        moved = report.Moved,
        seconds = Math.Round(took.TotalSeconds, 3),
        wraps,
        unwraps,
        cannot_be_opened = report.Troubled.Select(record => new { kind = record.Kind, id = record.Id, version = record.KekId, trouble = record.Trouble }),
        left = report.Left.Select(use => new { version = use.KekId, kind = use.Kind, records = use.Records }),
        left_records = report.Left.Sum(use => use.Records),
    });

    private static async Task RecordAsync(IServiceProvider services, string action, string kekId, object? detail, CancellationToken cancellationToken)
    {
        var audit = services.GetRequiredService<AuditLog>();
        await services.GetRequiredService<BrokerDbContext>().InTransactionAsync(
            () => audit.RecordAsync(action, KekEvents.Actor, KekEvents.TargetOf(kekId), null, detail, cancellationToken), cancellationToken);
    }
}
