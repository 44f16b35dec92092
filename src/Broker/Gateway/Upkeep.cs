using Microsoft.Extensions.Options;
using TokenBroker.Custody;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>Every few seconds: compares cached grants with the database, and lets go of what is old. Where no key is open any more, clears what the runtime kept of them.</summary>
internal sealed class Upkeep(
    LiveGrants grants, Callers callers, OpenKeys keys, MemorySweep sweep, Rates rates, PriceBook prices, IOptions<GatewayOptions> options, ILogger<Upkeep> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Real time on purpose: the bound on a lost notification does not stretch with a replaced clock.
        using var timer = new PeriodicTimer(options.Value.RecheckInterval);
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(t => t.IsCompletedSuccessfully && t.GetAwaiter().GetResult(), TaskScheduler.Default))
        {
            try
            {
                await grants.RecheckAsync(stoppingToken);
                callers.DropOld();
                keys.DropOld();
                rates.DropOld();
                await prices.RefreshAsync(stoppingToken);
                sweep.RunIfIdle();
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Whatever it was: revocations on other nodes are found by the next turn or not at all.
                logger.LogError(exception, "Cached grants could not be compared with the database; tried again in {Interval}.", options.Value.RecheckInterval);
            }
        }
    }
}
