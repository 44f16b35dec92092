using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace TokenBroker.Custody.Vaults;

/// <summary>
/// Tries a vault that failed until it answers again, so that what people and operators are told of it is true while nobody
/// calls; and writes both turns to the log, once each. Calls do not wait for it: they try by themselves.
/// </summary>
/// <remarks>The vault is asked for once the start has found it in order: whoever makes it makes its key.</remarks>
internal sealed class VaultWatch(IServiceProvider services, ILogger<VaultWatch> logger) : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var vault = services.GetRequiredService<Vault>();
        return Task.FromResult(vault.Trouble is { } trouble
            ? HealthCheckResult.Degraded($"The {vault.Main.Kind} vault does not answer; keys that are not open stay closed. {trouble.Message}")
            : HealthCheckResult.Healthy());
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var vault = services.GetRequiredService<Vault>();

        // Real time on purpose, like the vault's own.
        using var timer = new PeriodicTimer(Every);
        var wasTroubled = false;
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(t => t.IsCompletedSuccessfully && t.GetAwaiter().GetResult(), TaskScheduler.Default))
        {
            if (vault.Trouble is not { } trouble)
            {
                if (wasTroubled)
                {
                    logger.LogInformation("The {Kind} vault answers again.", vault.Main.Kind);
                    wasTroubled = false;
                }

                continue;
            }

            if (!wasTroubled)
            {
                logger.LogError("The {Kind} vault does not answer; keys that are not open stay closed. {Reason}", vault.Main.Kind, trouble.Message);
                wasTroubled = true;
            }

            try
            {
                await vault.CheckAsync(stoppingToken);
            }
            catch (Exception)
            {
                // The vault's breaker has noted it; the next turn tries again.
            }
        }
    }
}
