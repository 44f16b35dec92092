using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Operations.Prices;

internal sealed record ImportRequest(FileInfo File, IReadOnlyList<string> Providers, string? AsOf, bool DryRun, bool Json);

/// <summary><c>prices import</c>. What was read is read again as a running broker will read it before anything is stored.</summary>
internal static class ImportPrices
{
    private const long LargestFile = 64 * 1024 * 1024;

    private sealed record Found(PriceList List, string Json, IReadOnlySet<string> Ignored);

    public static async Task<int> RunAsync(IServiceProvider services, ImportRequest request, CancellationToken cancellationToken)
    {
        var file = request.File;
        if (!file.Exists)
        {
            throw new FileNotFoundException($"There is no file {file.FullName}.");
        }

        if (file.Length > LargestFile)
        {
            throw new InvalidDataException($"{file.FullName} is larger than {LargestFile >> 20} MB: that is no price list.");
        }

        await using var stream = file.OpenRead();
        using var document = await JsonDocument.ParseAsync(stream, cancellationToken: cancellationToken);
        var found = Read(document.RootElement, services, request);
        var book = services.GetRequiredService<PriceBook>();
        var changes = found.Select(one => PriceChanges.Between(book.All.GetValueOrDefault(one.List.Id), one.List)).ToList();
        if (!request.DryRun)
        {
            await StoreAsync(services, found, changes, cancellationToken);
        }

        Console.WriteLine(request.Json ? JsonOf(request, found, changes) : TextOf(request, found, changes));
        return 0;
    }

    private static List<Found> Read(JsonElement root, IServiceProvider services, ImportRequest request)
    {
        if (root.ValueKind == JsonValueKind.Object)
        {
            return [new Found(PriceListFile.Read(root), root.GetRawText(), new HashSet<string>())];
        }

        var asOf = request.AsOf is null
            ? DateOnly.FromDateTime(request.File.LastWriteTimeUtc)
            : DateOnly.TryParseExact(request.AsOf, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
                ? day
                : throw new InvalidDataException($"--as-of must be a date as yyyy-MM-dd; it is '{request.AsOf}'.");
        var all = GenaiPrices.Read(root);
        var wanted = request.Providers.Count > 0 ? request.Providers : [.. services.GetRequiredService<Catalogue>().All.Select(u => u.PriceListId).Distinct()];
        return [.. wanted.Select(id => Convert(
            all.FirstOrDefault(one => one.Id == id) ?? throw new InvalidDataException(
                $"The file has no provider '{id}'. It has: {string.Join(", ", all.Select(one => one.Id).Order(StringComparer.Ordinal))}. Choose with --provider."),
            request, asOf))];
    }

    private static Found Convert(FoundPrices prices, ImportRequest request, DateOnly asOf)
    {
        var list = new JsonObject
        {
            ["upstream"] = prices.Id,
            ["as_of"] = asOf.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["source"] = $"genai-prices, {request.File.Name}",
            ["models"] = prices.Models,
        };
        var json = list.ToJsonString();
        using var again = JsonDocument.Parse(json);
        return new Found(PriceListFile.Read(again.RootElement), json, prices.Ignored);
    }

    private static Task StoreAsync(IServiceProvider services, List<Found> found, List<PriceChanges> changes, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<BrokerDbContext>();
        var audit = services.GetRequiredService<AuditLog>();
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime;
        return db.InTransactionAsync(
            async () =>
            {
                foreach (var (one, change) in found.Zip(changes))
                {
                    await db.ImportedPrices.Where(p => p.Id == one.List.Id).ExecuteDeleteAsync(cancellationToken);
                    db.ImportedPrices.Add(new ImportedPrices { Id = one.List.Id, AsOf = one.List.AsOf, Source = one.List.Source, ImportedAt = now, Json = one.Json });
                    await audit.RecordAsync(
                        "prices.imported", "operator:cli", $"prices:{one.List.Id}", null,
                        new { as_of = one.List.AsOf, models = one.List.Models.Count, added = change.Added.Count, changed = change.Changed.Count, removed = change.Removed.Count },
                        CancellationToken.None);
                }
            },
            cancellationToken);
    }

    private static string JsonOf(ImportRequest request, List<Found> found, List<PriceChanges> changes) => JsonSerializer.Serialize(new
    {
        imported = !request.DryRun,
        lists = found.Zip(changes, (one, change) => new
        {
            id = one.List.Id,
            as_of = one.List.AsOf,
            models = one.List.Models.Count,
            added = change.Added,
            changed = change.Changed,
            removed = change.Removed,
            ignored_units = one.Ignored.Order(StringComparer.Ordinal),
        }),
    });

    private static string TextOf(ImportRequest request, List<Found> found, List<PriceChanges> changes)
    {
        var lines = new List<string>();
        foreach (var (one, change) in found.Zip(changes))
        {
            lines.Add($"{one.List.Id}: {one.List.Models.Count} models as of {one.List.AsOf}; {change.Added.Count} new, {change.Changed.Count} at another price, {change.Removed.Count} gone.");
            lines.AddRange(change.Changed.Select(id => $"  another price: {id}"));
            lines.AddRange(change.Removed.Select(id => $"  gone, and refused from now on unless another rule fits: {id}"));
            if (one.Ignored.Count > 0)
            {
                lines.Add($"  left out, since no call through this broker is charged by it: {string.Join(", ", one.Ignored.Order(StringComparer.Ordinal))}");
            }
        }

        lines.Add(request.DryRun ? "Nothing was changed: this was a dry run." : "Running brokers use them within seconds.");
        return string.Join(Environment.NewLine, lines);
    }
}
