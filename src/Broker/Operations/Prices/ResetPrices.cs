using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Operations.Prices;

/// <summary><c>prices reset</c>.</summary>
internal static class ResetPrices
{
    public static async Task<int> RunAsync(IServiceProvider services, string id, bool json, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<BrokerDbContext>();
        var removed = 0;
        await db.InTransactionAsync(
            async () =>
            {
                removed = await db.ImportedPrices.Where(p => p.Id == id).ExecuteDeleteAsync(cancellationToken);
                if (removed > 0)
                {
                    await services.GetRequiredService<AuditLog>().RecordAsync("prices.reset", "operator:cli", $"prices:{id}", null, null, CancellationToken.None);
                }
            },
            cancellationToken);
        if (removed == 0)
        {
            throw new InvalidOperationException($"No list '{id}' was imported. 'prices list' shows what there is.");
        }

        var own = services.GetRequiredService<PriceBook>().OwnOf(id);
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new { reset = id, as_of = own?.AsOf })
            : own is null ? $"The list {id} is gone; models that only it knew are refused." : $"The list {id} as of {own.AsOf} holds again, within seconds.");
        return 0;
    }
}
