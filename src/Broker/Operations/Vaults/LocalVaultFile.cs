using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Vaults;

/// <summary>The embedded vault makes its key file where there is none. Beside data that another file sealed, that would hide the loss.</summary>
internal static class LocalVaultFile
{
    /// <exception cref="InvalidOperationException">A key file that must be there is not.</exception>
    public static void RequireThere(IServiceProvider services)
    {
        if (Missing(services) is { } path)
        {
            throw new InvalidOperationException($"The vault key file {path} is missing. Restore it from its backup; a new one was not made, since it would open nothing.");
        }
    }

    /// <summary>The first key file that is not there. Where keys move to a new vault, that one's may be made: the previous ones' may not.</summary>
    public static string? Missing(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<VaultOptions>>().Value;
        var directory = services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory;
        IEnumerable<VaultSettings> mustBe = options.Previous.Count > 0 ? options.Previous : [options];
        return mustBe
            .Where(settings => settings.Provider == VaultSettings.LocalFileKind)
            .Select(settings => settings.LocalFilePathIn(directory))
            .FirstOrDefault(path => !File.Exists(path));
    }

    public static async Task<bool> HasPendingMigrationsAsync(this BrokerDbContext db, CancellationToken cancellationToken) =>
        (await db.Database.GetPendingMigrationsAsync(cancellationToken)).Any();
}
