using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>Stores rows of usage by one statement that is prepared once a batch. The change tracker would cost more than the calls themselves.</summary>
internal static class UsageRows
{
    private static readonly string[] Columns =
    [
        "Id", "GrantId", "At", "Operation", "Model", "InputTokens", "CachedInputTokens", "OutputTokens", "CostMicros", "Estimated", "Status", "DurationMs",
        "CacheWriteTokens", "AudioInputTokens", "ReasoningTokens", "AudioOutputTokens", "ServiceTier",
    ];

    /// <summary>Takes part in the transaction that is open.</summary>
    /// <exception cref="InvalidOperationException">None is.</exception>
    public static async Task InsertAsync(BrokerDbContext db, IReadOnlyList<UsageEntry> batch)
    {
        using var rows = RowInsert.Into(db, "usage", Columns);
        foreach (var entry in batch)
        {
            var usage = entry.Usage;
            rows.With(usage.Id).With(usage.GrantId).With(usage.At).With(usage.Operation).With(usage.Model)
                .With(usage.InputTokens).With(usage.CachedInputTokens).With(usage.OutputTokens)
                .With(usage.CostMicros).With(usage.Estimated).With(usage.Status).With(usage.DurationMs)
                .With(usage.CacheWriteTokens).With(usage.AudioInputTokens).With(usage.ReasoningTokens).With(usage.AudioOutputTokens).With(usage.ServiceTier)
                .Store();
        }

        await rows.CompleteAsync(CancellationToken.None);
    }
}
