using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using TokenBroker.Storage;

namespace TokenBroker.Audit;

/// <summary>Refusals of one kind: who, by which rule, on what. A call that a rule let pass for want of an answer is noted alike, under an action of its own.</summary>
internal readonly record struct Refusal(Guid UserId, Guid GrantId, string Code, string Operation, string Action = RefusalLog.CallRefused);

/// <summary>
/// Records the gateway's refusals. A refused call changes nothing, so that there is no effect to share a transaction
/// with: refusals are counted in memory and written as one event for each kind and interval, and a flood of
/// refused calls cannot flood the log.
/// </summary>
internal sealed class RefusalLog(IServiceScopeFactory scopes, IMeterFactory meters, TimeProvider time, ILogger<RefusalLog> logger) : BackgroundService
{
    public const string CallRefused = "call.refused";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private const int MostKinds = 10_000;

    private readonly ConcurrentDictionary<Refusal, int> _counts = new();
    private readonly Counter<long> _refusals =
        BrokerMeter.Of(meters).CreateCounter<long>("tokenbroker.refusals", "{call}", "Calls that a rule refused, by the error's code. Calls without a valid token are not among them.");

    public void Add(Refusal refusal)
    {
        if (refusal.Action == CallRefused)
        {
            _refusals.Add(1, new("error.type", refusal.Code), new(BrokerMeter.Operation, refusal.Operation));
        }

        if (_counts.Count < MostKinds || _counts.ContainsKey(refusal))
        {
            _counts.AddOrUpdate(refusal, 1, static (_, count) => count + 1);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await WriteAsync();
        }
    }

    private async Task WriteAsync()
    {
        foreach (var refusal in _counts.Keys)
        {
            if (!_counts.TryRemove(refusal, out var count))
            {
                continue;
            }

            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
                var audit = scope.ServiceProvider.GetRequiredService<AuditLog>();
                await db.InTransactionAsync(
                    () => audit.RecordAsync(
                        refusal.Action, "system", $"grant:{refusal.GrantId}", refusal.UserId,
                        new { code = refusal.Code, operation = refusal.Operation, count }, CancellationToken.None),
                    CancellationToken.None);
            }
            catch (Exception exception)
            {
                // Whatever it was: what leaves a background task ends the program.
                _counts.AddOrUpdate(refusal, count, (_, since) => since + count);
                logger.LogError(exception, "Refusals could not be recorded; they are kept and tried again.");
                return;
            }
        }
    }
}
