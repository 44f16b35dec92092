using System.Globalization;
using System.Text.Json;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Vaults;

/// <summary><c>vault status</c>: what is under which version, and what would not open.</summary>
internal static class VaultStatus
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>How many troubled records are printed; JSON has all of them.</summary>
    private const int Printed = 50;

    private sealed record VaultState(string Kind, bool IsMain, IReadOnlyList<KekVersion> Versions, string? Trouble);

    public static async Task<int> RunAsync(IServiceProvider services, bool countsOnly, bool json, CancellationToken cancellationToken)
    {
        var vault = services.GetRequiredService<Vault>();
        var inventory = services.GetRequiredService<KekInventory>();
        var counts = await inventory.CountAsync(services.GetRequiredService<BrokerDbContext>(), cancellationToken);
        var vaults = new List<VaultState>();
        foreach (var one in vault.All)
        {
            vaults.Add(await AskAsync(one, one == vault.Main, cancellationToken));
        }

        IReadOnlyList<TroubledRecord>? troubled = null;
        if (!countsOnly)
        {
            var all = counts.Sum(count => count.Records);
            var tried = 0L;
            using var progress = new ProgressLine("Trying", services.GetRequiredService<TimeProvider>());
            troubled = await inventory.TryAsync(() => progress.Show(Interlocked.Increment(ref tried), all), cancellationToken);
        }

        Console.WriteLine(json ? JsonOf(vaults, counts, troubled) : TextOf(vaults, counts, troubled));
        return vaults.All(v => v.Trouble is null) && troubled is not { Count: > 0 } ? 0 : 1;
    }

    /// <summary>Troubled records in lines, the first of them.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<TroubledRecord> troubled) => troubled
        .Take(Printed)
        .Select(record => $"  {record.Kind}, {record.Id}: {record.Trouble}")
        .Concat(troubled.Count > Printed ? [string.Create(CultureInfo.InvariantCulture, $"  and {troubled.Count - Printed:N0} more; --json lists them")] : []);

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Such as <c>12 upstream keys, 2 server keys</c>.</summary>
    public static string Words(IEnumerable<KekUse> uses) => string.Join(", ", uses.Select(use => $"{Number(use.Records)} {use.Kind}"));

    private static async Task<VaultState> AskAsync(IKeyVault vault, bool isMain, CancellationToken cancellationToken)
    {
        try
        {
            return new VaultState(vault.Kind, isMain, await vault.VersionsAsync(cancellationToken).WaitAsync(Patience, cancellationToken), null);
        }
        catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException or HttpRequestException or TimeoutException or IOException or KeyNotFoundException)
        {
            return new VaultState(vault.Kind, isMain, [], exception.Message);
        }
    }

    private static string TextOf(List<VaultState> vaults, IReadOnlyList<KekUse> counts, IReadOnlyList<TroubledRecord>? troubled)
    {
        var lines = new List<string>();
        foreach (var vault in vaults)
        {
            lines.Add($"{vault.Kind}{(vault.IsMain ? "" : " (previous)")}");
            lines.AddRange(vault.Trouble is { } trouble ? [$"  does not answer: {trouble}"] : vault.Versions.Select(version => LineOf(version, vault.IsMain, counts)));
        }

        var strange = StrangeIn(vaults, counts).ToList();
        if (strange.Count > 0)
        {
            lines.Add("held by no configured vault that answers");
            lines.AddRange(strange.Select(id => $"  {(id.Length == 0 ? "(not readable)" : id)}  {Words(counts.Where(count => count.KekId == id))}"));
        }

        if (troubled is not null)
        {
            var all = Number(counts.Sum(count => count.Records));
            lines.Add(troubled.Count == 0 ? $"All {all} data keys unwrap." : $"{Number(troubled.Count)} of {all} records cannot be opened:");
            lines.AddRange(Lines(troubled));
        }

        return string.Join(Environment.NewLine, lines);
    }

    private static string LineOf(KekVersion version, bool isMain, IReadOnlyList<KekUse> counts)
    {
        var state = !version.IsEnabled ? "disabled" : version.IsCurrent && isMain ? "current" : "old";
        var made = version.CreatedAt is { } at ? at.ToString("  yyyy-MM-dd", CultureInfo.InvariantCulture) : "";
        var uses = counts.Where(count => count.KekId == version.KeyId).ToList();
        return $"  {version.KeyId}  {state}{made}  {(uses.Count == 0 ? "wraps nothing" : Words(uses))}";
    }

    private static IEnumerable<string> StrangeIn(List<VaultState> vaults, IReadOnlyList<KekUse> counts) =>
        counts.Select(count => count.KekId).Distinct().Except(vaults.SelectMany(vault => vault.Versions).Select(version => version.KeyId));

    private static string JsonOf(List<VaultState> vaults, IReadOnlyList<KekUse> counts, IReadOnlyList<TroubledRecord>? troubled) => JsonSerializer.Serialize(new
    {
        vaults = vaults.Select(vault => new
        {
            kind = vault.Kind,
            main = vault.IsMain,
            trouble = vault.Trouble,
            versions = vault.Versions.Select(version => new
            {
                id = version.KeyId,
                created_at = version.CreatedAt,
                enabled = version.IsEnabled,
                current = version.IsCurrent && vault.IsMain,
                records = RecordsUnder(version.KeyId, counts),
            }),
        }),
        unknown = StrangeIn(vaults, counts).Select(id => new { id, records = RecordsUnder(id, counts) }),
        tried = troubled is null ? (long?)null : counts.Sum(count => count.Records),
        cannot_be_opened = troubled?.Select(record => new { kind = record.Kind, id = record.Id, version = record.KekId, trouble = record.Trouble }),
    });

    private static Dictionary<string, long> RecordsUnder(string kekId, IReadOnlyList<KekUse> counts) =>
        counts.Where(count => count.KekId == kekId).ToDictionary(count => count.Kind, count => count.Records);
}
