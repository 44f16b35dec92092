using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Backups;

/// <summary>Whether the configured vault opens a database: one data key of each KEK version must unwrap.</summary>
internal static class VaultCheck
{
    /// <exception cref="InvalidOperationException">It does not; the message says which versions are missing.</exception>
    public static async Task RequireOpensAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var inventory = services.GetRequiredService<KekInventory>();
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var missing = new List<string>();
        try
        {
            foreach (var kekId in (await inventory.CountAsync(db, cancellationToken)).Select(use => use.KekId).Distinct())
            {
                if (await inventory.TroubleOfOneAsync(db, kekId, cancellationToken) is { } trouble)
                {
                    missing.Add($"{(kekId.Length == 0 ? "(not readable)" : kekId)}: {trouble}");
                }
            }
        }
        catch (VaultUnavailableException exception)
        {
            throw new InvalidOperationException($"The vault does not answer, so that it is not known whether it opens the backup: {exception.Message} Try again, or give --without-vault-check.", exception);
        }

        if (missing.Count > 0)
        {
            throw new InvalidOperationException(
                $"The configured vault does not open it.{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", missing)}{Environment.NewLine}"
                + "Configure the vault that holds these versions, or restore its key file; or give --without-vault-check, and what they wrap stays closed.");
        }
    }
}
