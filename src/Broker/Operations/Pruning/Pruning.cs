using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary>
/// Deletes what is over, in the background and in small batches, so that the tables stay as large as what is in use and
/// nobody waits for it. A batch that fails is tried again at the next turn.
/// </summary>
internal sealed class Pruning(IServiceScopeFactory scopes, IOptions<PruningOptions> options, TimeProvider time, ILogger<Pruning> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(t => t.IsCompletedSuccessfully && t.GetAwaiter().GetResult(), TaskScheduler.Default))
        {
            foreach (var rule in PruningRules.All)
            {
                await PruneAsync(rule, stoppingToken);
            }
        }
    }

    private async Task PruneAsync(PruningRule rule, CancellationToken stoppingToken)
    {
        var deleted = 0L;
        try
        {
            int batch;
            do
            {
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
                batch = await rule.Delete(db, time.GetUtcNow().UtcDateTime, options.Value.BatchSize, stoppingToken);
                deleted += batch;
                await Task.Delay(options.Value.Pause, stoppingToken);
            }
            while (batch == options.Value.BatchSize);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "Pruning {Rule} failed after {Count} rows; tried again in {Interval}.", rule.Name, deleted, options.Value.Every);
        }

        if (deleted > 0)
        {
            logger.LogInformation("Pruned {Count} rows: {Rule}.", deleted, rule.Name);
        }
    }
}
