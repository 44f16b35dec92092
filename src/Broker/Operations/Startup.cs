using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Apps;
using TokenBroker.Authorization.Keys;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;
using TokenBroker.Storage.PostgreSql;
using TokenBroker.Upstreams;

namespace TokenBroker.Operations;

/// <summary>
/// What must be true before the first request: the vault opens what it seals, the tables are up to date, the server's
/// keys are loaded, the configured apps are registered. Any of it failing stops the start with a message.
/// </summary>
internal sealed class Startup(IServiceProvider services, IConfiguration configuration) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        services.GetRequiredService<DataDirectoryUse>().Share();
        await using var alone = await services.StartAloneAsync(cancellationToken);
        await services.PrepareStorageAsync(cancellationToken);
        await RefuseToReplaceTheVaultAsync(cancellationToken);
        await services.GetRequiredService<Vault>().CheckAsync(cancellationToken);
        await PrepareRecordKeyAsync(cancellationToken);
        await services.GetRequiredService<SafetyIdentifiers>().OpenAsync(cancellationToken);
        await services.GetRequiredService<ServerKeys>().RefreshAsync(cancellationToken);
        await services.GetRequiredService<PriceBook>().RefreshAsync(cancellationToken);
        await services.RegisterConfiguredAppsAsync(configuration, cancellationToken);
        if (alone is not null)
        {
            // Makes the first key of cookies, so that nodes that start together find one, and not each its own.
            services.GetRequiredService<IDataProtectionProvider>().CreateProtector(nameof(Startup)).Protect([]);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The server's own keys are what every database that is in use holds.</summary>
    private async Task PrepareRecordKeyAsync(CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        var records = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().ServerKeys.Select(k => k.SealedPrivateKey).ToListAsync(cancellationToken);
        await services.GetRequiredService<RecordKey>().PrepareAsync(records, cancellationToken);
    }

    /// <summary>A new key file beside data that the old one sealed would hide the loss: nothing of it would open.</summary>
    private async Task RefuseToReplaceTheVaultAsync(CancellationToken cancellationToken)
    {
        var options = services.GetRequiredService<IOptions<VaultOptions>>().Value;
        var path = options.LocalFilePathIn(services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory);
        if (options.Provider != VaultSettings.LocalFileKind || options.Previous.Count > 0 || File.Exists(path))
        {
            return;
        }

        await using var scope = services.CreateAsyncScope();
        if (await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().ServerKeys.AnyAsync(cancellationToken))
        {
            throw new InvalidOperationException(
                $"The vault key file {path} is missing, and the database holds what it sealed. Restore the file from its backup, or copy it from another node of this database; nothing was changed.");
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
