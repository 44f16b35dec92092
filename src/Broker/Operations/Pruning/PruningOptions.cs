using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Operations;

/// <summary>Section <c>Pruning</c>: how rows that are of no use any more leave the database.</summary>
internal sealed class PruningOptions
{
    /// <summary>How often it looks. Default: ten minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Rows in one statement: as many as hold the write lock for a moment and no longer.</summary>
    [Range(1, 100_000)]
    public int BatchSize { get; set; } = 1_000;

    /// <summary>What it waits between two batches, so that those who write come first. Default: 20 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan Pause { get; set; } = TimeSpan.FromMilliseconds(20);
}
