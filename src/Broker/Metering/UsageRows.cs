using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>Stores rows of usage by one statement that is prepared once. The change tracker would cost more than the calls themselves.</summary>
internal static class UsageRows
{
    private static readonly string[] Columns =
    [
        "Id", "GrantId", "At", "Operation", "Model", "InputTokens", "CachedInputTokens", "OutputTokens", "CostMicros", "Estimated", "Status", "DurationMs",
        "CacheWriteTokens", "AudioInputTokens", "ReasoningTokens", "AudioOutputTokens", "ServiceTier",
    ];

    private static readonly string Insert =
        $"INSERT INTO usage ({string.Join(", ", Columns.Select(column => $"\"{column}\""))}) VALUES ({string.Join(", ", Columns.Select(column => "@" + column))})";

    /// <summary>Takes part in the transaction that is open.</summary>
    /// <exception cref="InvalidOperationException">None is.</exception>
    public static async Task InsertAsync(BrokerDbContext db, IReadOnlyList<UsageEntry> batch)
    {
        var transaction = db.Database.CurrentTransaction ?? throw new InvalidOperationException("Usage is stored in the transaction of the spend that it adds to.");
        await using var insert = db.Database.GetDbConnection().CreateCommand();
        insert.Transaction = transaction.GetDbTransaction();
        insert.CommandText = Insert;
        foreach (var column in Columns)
        {
            var parameter = insert.CreateParameter();
            parameter.ParameterName = "@" + column;
            insert.Parameters.Add(parameter);
        }

        foreach (var entry in batch)
        {
            Fill(insert.Parameters, entry.Usage);
            await insert.ExecuteNonQueryAsync();
        }
    }

    private static void Fill(DbParameterCollection row, Usage usage)
    {
        row[0].Value = usage.Id;
        row[1].Value = usage.GrantId;
        row[2].Value = usage.At;
        row[3].Value = usage.Operation;
        row[4].Value = usage.Model ?? (object)DBNull.Value;
        row[5].Value = usage.InputTokens;
        row[6].Value = usage.CachedInputTokens;
        row[7].Value = usage.OutputTokens;
        row[8].Value = usage.CostMicros;
        row[9].Value = usage.Estimated;
        row[10].Value = usage.Status;
        row[11].Value = usage.DurationMs;
        row[12].Value = usage.CacheWriteTokens;
        row[13].Value = usage.AudioInputTokens;
        row[14].Value = usage.ReasoningTokens;
        row[15].Value = usage.AudioOutputTokens;
        row[16].Value = usage.ServiceTier ?? (object)DBNull.Value;
    }
}
