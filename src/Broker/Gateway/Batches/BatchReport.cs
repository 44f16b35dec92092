using System.Text.Json;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Adds up what a batch has cost that is over, from the usage of each answer in its output file. Where one answer tells
/// none, or its model has no price, the sum is not known, and the charge at the worst stays.
/// </summary>
internal sealed class BatchReport(ProviderReads provider, PriceBook prices)
{
    private const int LongestStatus = 1024 * 1024;

    public async Task<JobAnswer> AskAsync(OpenJob job, Upstream upstream, string key, CancellationToken cancellationToken)
    {
        using var answer = await provider.GetAsync(upstream, $"/batches/{job.ObjectId}", key, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            return answer.StatusCode == System.Net.HttpStatusCode.NotFound ? JobAnswer.Lost : JobAnswer.NotYet;
        }

        await answer.Content.LoadIntoBufferAsync(LongestStatus, cancellationToken);
        using var batch = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken);
        return Text(batch.RootElement, "status") is not ("completed" or "failed" or "expired" or "cancelled") ? JobAnswer.NotYet

            // Nothing was answered, and so nothing is charged.
            : Text(batch.RootElement, "output_file_id") is not { Length: > 0 } file ? JobAnswer.Of(new Charge(default, false, 0, ServiceTiers.Batch))
            : await SumAsync(upstream, file, key, cancellationToken);
    }

    private async Task<JobAnswer> SumAsync(Upstream upstream, string fileId, string key, CancellationToken cancellationToken)
    {
        using var answer = await provider.GetAsync(upstream, $"/files/{fileId}/content", key, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            return answer.StatusCode == System.Net.HttpStatusCode.NotFound ? JobAnswer.Lost : JobAnswer.NotYet;
        }

        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        using var lines = new LineReader(stream, int.MaxValue / 8, long.MaxValue);
        var (used, micros) = (default(TokenUsage), 0L);
        while (await lines.NextAsync(cancellationToken) is { } line)
        {
            if (line.IsEmpty)
            {
                continue;
            }

            if (ChargeOf(upstream, line) is not var (tokens, cost))
            {
                return JobAnswer.Lost;
            }

            (used, micros) = (used.Plus(tokens), checked(micros + cost));
        }

        return JobAnswer.Of(new Charge(used, false, micros, ServiceTiers.Batch));
    }

    /// <returns>Null where the line does not tell what it cost.</returns>
    private (TokenUsage Used, long Micros)? ChargeOf(Upstream upstream, ReadOnlyMemory<byte> line)
    {
        using var document = JsonDocument.Parse(line);
        if (!document.RootElement.TryGetProperty("response", out var response) || response.ValueKind != JsonValueKind.Object
            || !response.TryGetProperty("status_code", out var status) || !status.TryGetInt32(out var code))
        {
            return null;
        }

        if (code is < 200 or > 299)
        {
            // The provider charges nothing for an error.
            return (default, 0);
        }

        if (!response.TryGetProperty("body", out var body) || Text(body, "model") is not { } model || prices.Find(upstream.PriceListId, model) is not { } price
            || !body.TryGetProperty("usage", out var usage) || UsageReader.Read(usage, upstream.Usage, OperationKind.Chat) is not { } used)
        {
            return null;
        }

        // Where cached input has no price in batches, it costs what other input does.
        var share = price.Tiers.Of(ServiceTiers.Batch) ?? ServiceTiers.Standard;
        return (used, price.CostOf(price.CachesInBatches ? used : used with { CachedInput = 0, CachedAudioInput = 0 }, share));
    }

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
