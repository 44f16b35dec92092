using Microsoft.Extensions.Options;
using OpenIddict.Server;
using OpenIddict.Validation;

namespace TokenBroker.Authorization.Keys;

/// <summary>
/// Looks at the keys' schedule again and again. OpenIddict holds credentials in its options, so a change evicts those of
/// the server, and those of validation, which copied them: the next request builds both anew. A request that is on its
/// way keeps the ones it began with.
/// </summary>
internal sealed class KeyRotation(
    IServiceProvider services,
    IOptionsMonitorCache<OpenIddictServerOptions> server,
    IOptionsMonitorCache<OpenIddictValidationOptions> validation,
    IOptions<KeyRotationOptions> options,
    TimeProvider time,
    ILogger<KeyRotation> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Asked for once the start has found the vault in order: whoever makes the keys makes the vault.
        var keys = services.GetRequiredService<ServerKeys>();
        using var timer = new PeriodicTimer(options.Value.CheckEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(t => t.IsCompletedSuccessfully && t.GetAwaiter().GetResult(), TaskScheduler.Default))
        {
            try
            {
                if (await keys.RefreshAsync(stoppingToken))
                {
                    server.TryRemove(Options.DefaultName);
                    validation.TryRemove(Options.DefaultName);
                    logger.LogInformation("The server's keys changed: {Count} in the JWKS, {KeyId} signs.", keys.SigningKeys.Count, keys.SigningKeys[0].KeyId);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // The keys at hand go on; the announcement is long enough for many tries.
                logger.LogError(exception, "The schedule of the server's keys could not be followed; tried again in {Interval}.", options.Value.CheckEvery);
            }
        }
    }
}
