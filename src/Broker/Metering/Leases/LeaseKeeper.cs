namespace TokenBroker.Metering;

/// <summary>
/// Runs the ledger's background: settles what died before at the start, stores usage twice a second and looks after
/// leases four times, and gives everything back at the stop.
/// </summary>
internal sealed class LeaseKeeper(
    BudgetNode node, UsageLog usage, LeaseUpkeep leases, Reconcile reconcile, ILogger<LeaseKeeper> logger) : BackgroundService
{
    private const int TurnsToRecheck = 20;

    /// <summary>Half a second, so that what a kill can lose of the detail stays within one.</summary>
    private const int TurnsToStore = 2;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private readonly SemaphoreSlim _wake = new(0);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await reconcile.AtStartAsync(cancellationToken);
        await node.BeginAsync(cancellationToken);
        leases.Wake = () => _wake.Release();
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Real time on purpose: what a kill can lose does not stretch with a replaced clock.
        for (var turn = 0; !stoppingToken.IsCancellationRequested; turn++)
        {
            try
            {
                if (turn % TurnsToStore == 0)
                {
                    await usage.StoreAsync();
                }

                if (turn % TurnsToRecheck == 0)
                {
                    // First of all: a node that was settled can lease nothing until it knows.
                    await leases.SeenAsync();
                    await leases.RecheckAllAsync();
                }

                await leases.TurnAsync();
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "Usage or leases could not be stored; tried again in {Pause}.", Pause);
            }

            await ((Task)_wake.WaitAsync(Pause, stoppingToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await EndAsync();
    }

    private async Task EndAsync()
    {
        for (var tries = 0; tries < 5; tries++)
        {
            try
            {
                if (await usage.StoreAsync())
                {
                    await node.EndAsync(await leases.GiveAllBackAsync());
                    return;
                }
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "Usage and leases could not be stored at the stop; tried again.");
            }

            await Task.Delay(Pause, CancellationToken.None);
        }

        // The next start finds in the file what was not stored.
        await node.EndAsync(clean: false);
    }
}
