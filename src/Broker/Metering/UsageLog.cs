using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Metering;

/// <summary>One call's usage, the settled claim that says where it counts, and what goes on at the provider after it.</summary>
internal readonly record struct UsageEntry(Usage Usage, BudgetReservation Reservation, Guid UpstreamKeyId, OpenJob? Job = null);

/// <summary>
/// Takes usage from the calls and stores it behind them: entries wait in memory and are stored in batches, each in one
/// transaction with the spend that it adds to. A batch that the database refuses is tried again, and a full queue
/// refuses new calls rather than lose entries. At a stop the queue is written out first.
/// </summary>
internal sealed class UsageLog
{
    private const int Capacity = 50_000;

    /// <summary>A transaction has statements of its own, and others wait for its end: few enough of either.</summary>
    private const int BatchSize = 5_000;
    private readonly SpendFlush _flush;
    private readonly CallMetrics _metrics;
    private readonly ILogger<UsageLog> _logger;
    private readonly ConcurrentQueue<UsageEntry> _queue = new();
    private readonly List<UsageEntry> _batch = [];
    private int _waiting;

    public UsageLog(SpendFlush flush, CallMetrics metrics, ILogger<UsageLog> logger)
    {
        (_flush, _metrics, _logger) = (flush, metrics, logger);
        metrics.Watch(() => Volatile.Read(ref _waiting));
    }

    /// <summary>False while so much waits to be written that a new call's usage might be lost.</summary>
    public bool HasRoom => Volatile.Read(ref _waiting) < Capacity;

    public void Add(UsageEntry entry)
    {
        Interlocked.Increment(ref _waiting);
        _queue.Enqueue(entry);
    }

    /// <summary>Stores all that waits. One at a time: the keeper's.</summary>
    /// <returns>False where the database refused; what it refused is kept, and comes first the next time.</returns>
    public async Task<bool> StoreAsync()
    {
        while (true)
        {
            // A batch that failed stays as it was, with its number: it may have been committed all the same.
            while (_batch.Count < BatchSize && !_flush.IsUnderWay && _queue.TryDequeue(out var entry))
            {
                _batch.Add(entry);
            }

            if (_batch.Count == 0)
            {
                return true;
            }

            try
            {
                await _flush.RunAsync(_batch);
            }
            catch (Exception exception) when (exception is DbUpdateException or System.Data.Common.DbException)
            {
                _logger.LogError(exception, "{Count} usage entries could not be stored; they are kept and tried again.", _batch.Count);
                return false;
            }

            foreach (var entry in _batch)
            {
                _metrics.Add(entry.Usage);
            }

            Interlocked.Add(ref _waiting, -_batch.Count);
            _batch.Clear();
        }
    }
}
