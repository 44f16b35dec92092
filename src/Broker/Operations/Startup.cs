using TokenBroker.Apps;
using TokenBroker.Authorization;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary>
/// What must be true before the first request: the vault opens what it seals, the tables are up to date, the server's
/// keys are loaded, the configured apps are registered. Any of it failing stops the start with a message.
/// </summary>
internal sealed class Startup(IServiceProvider services, IConfiguration configuration) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await services.PrepareStorageAsync(cancellationToken);
        await services.GetRequiredService<Vault>().CheckAsync(cancellationToken);
        await services.GetRequiredService<ServerKeys>().LoadAsync(cancellationToken);
        await services.RegisterConfiguredAppsAsync(configuration, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
