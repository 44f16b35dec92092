using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>One call's usage, and the settled claim that says where it counts.</summary>
internal readonly record struct UsageEntry(Usage Usage, BudgetReservation Reservation, Guid UpstreamKeyId);

/// <summary>
/// Writes usage behind the calls: entries are queued in memory and stored in batches, each in one transaction with
/// the spend that it adds to. A batch that the database refuses is tried again, and a full queue refuses new calls
/// rather than lose entries. At a stop the queue is written out first.
/// </summary>
internal sealed class UsageLog(IServiceScopeFactory scopes, TimeProvider time, ILogger<UsageLog> logger) : BackgroundService
{
    private const int Capacity = 50_000;
    private const int BatchSize = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly Channel<UsageEntry> _queue = Channel.CreateUnbounded<UsageEntry>(new() { SingleReader = true });
    private int _waiting;

    /// <summary>False while so much waits to be written that a new call's usage might be lost.</summary>
    public bool HasRoom => Volatile.Read(ref _waiting) < Capacity;

    public void Add(UsageEntry entry)
    {
        Interlocked.Increment(ref _waiting);
        if (!_queue.Writer.TryWrite(entry))
        {
            // Only a call that outlives the stop of the server gets here. What it cost must not vanish without a word.
            logger.LogError(
                "Usage of grant {GrantId} came after the stop and is not stored: {Operation}, {CostMicros} micro-dollars.",
                entry.Usage.GrantId, entry.Usage.Operation, entry.Usage.CostMicros);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _queue.Writer.TryComplete();
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Reading goes on past the stop until the completed queue is empty: the host waits for it.
        var batch = new List<UsageEntry>(BatchSize);
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (batch.Count < BatchSize && _queue.Reader.TryRead(out var entry))
            {
                batch.Add(entry);
            }

            while (!await TryWriteAsync(batch))
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, CancellationToken.None);
            }

            Interlocked.Add(ref _waiting, -batch.Count);
            batch.Clear();
            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> TryWriteAsync(List<UsageEntry> batch)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            await db.InTransactionAsync(() => WriteAsync(db, batch), CancellationToken.None);
            batch.ForEach(entry => entry.Reservation.MarkWritten());
            return true;
        }
        catch (DbUpdateException exception)
        {
            logger.LogError(exception, "{Count} usage entries could not be stored; they are kept and tried again.", batch.Count);
            return false;
        }
        catch (System.Data.Common.DbException exception)
        {
            logger.LogError(exception, "{Count} usage entries could not be stored; they are kept and tried again.", batch.Count);
            return false;
        }
    }

    /// <summary>A call counts in its day, its month and in all; under its grant, and under those that the grant was cut from.</summary>
    private static IEnumerable<(Guid GrantId, int Period, long CostMicros)> WhereItCounts(UsageEntry entry)
    {
        for (var claim = entry.Reservation; claim is not null; claim = claim.Above)
        {
            yield return (claim.GrantId, claim.Began.Day, entry.Usage.CostMicros);
            yield return (claim.GrantId, claim.Began.Month, entry.Usage.CostMicros);
            yield return (claim.GrantId, SpendPeriods.Total, entry.Usage.CostMicros);
        }
    }

    private static async Task WriteAsync(BrokerDbContext db, List<UsageEntry> batch)
    {
        db.Usage.AddRange(batch.Select(entry => entry.Usage));
        await db.SaveChangesAsync();
        foreach (var spend in batch.SelectMany(WhereItCounts).GroupBy(one => (one.GrantId, one.Period), one => one.CostMicros))
        {
            var (cost, calls) = (spend.Sum(), spend.LongCount());
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO spend ("GrantId", "Period", "CostMicros", "Calls") VALUES ({spend.Key.GrantId}, {spend.Key.Period}, {cost}, {calls})
                 ON CONFLICT ("GrantId", "Period") DO UPDATE SET "CostMicros" = spend."CostMicros" + excluded."CostMicros", "Calls" = spend."Calls" + excluded."Calls"
                 """);
        }

        foreach (var grant in batch.GroupBy(entry => entry.Usage.GrantId))
        {
            var last = grant.Max(entry => entry.Usage.At);
            await db.Grants.Where(g => g.Id == grant.Key).ExecuteUpdateAsync(set => set.SetProperty(g => g.LastUsedAt, last));
        }

        foreach (var key in batch.GroupBy(entry => entry.UpstreamKeyId))
        {
            var last = key.Max(entry => entry.Usage.At);
            await db.UpstreamKeys.Where(k => k.Id == key.Key).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, last));
        }
    }
}
