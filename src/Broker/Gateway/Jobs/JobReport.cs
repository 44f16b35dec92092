using System.Buffers;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What a provider says of a job.</summary>
/// <param name="Truth">What it used and cost; null while that is not known.</param>
/// <param name="IsLost">Whether it never will be: then the charge stays.</param>
internal readonly record struct JobAnswer(Charge? Truth, bool IsLost)
{
    public static JobAnswer NotYet => default;

    public static JobAnswer Lost => new(null, true);

    public static JobAnswer Of(Charge truth) => new(truth, false);
}

/// <summary>Asks a provider what a job has used. A response is read in constant memory, whatever it holds.</summary>
internal sealed class JobReport(ProviderReads provider, BatchReport batches, PriceBook prices)
{
    private const int Size = 16 * 1024;

    public Task<JobAnswer> AskAsync(OpenJob job, Upstream upstream, string key, CancellationToken cancellationToken) =>
        job.Kind == JobKind.Batch ? batches.AskAsync(job, upstream, key, cancellationToken) : AskResponseAsync(job, upstream, key, cancellationToken);

    private async Task<JobAnswer> AskResponseAsync(OpenJob job, Upstream upstream, string key, CancellationToken cancellationToken)
    {
        using var answer = await provider.GetAsync(upstream, $"/responses/{job.ObjectId}", key, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            // One that was deleted tells nothing any more.
            return answer.StatusCode == System.Net.HttpStatusCode.NotFound ? JobAnswer.Lost : JobAnswer.NotYet;
        }

        var scanner = new UsageScanner();
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(Size);
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            scanner.Feed(buffer.AsSpan(0, read));
        }

        ArrayPool<byte>.Shared.Return(buffer);
        if (job.Model is null || prices.Find(upstream.PriceListId, job.Model) is not { } price
            || scanner.Usage.IsEmpty || UsageReader.Read(scanner.Usage.Span, upstream.Usage, OperationKind.Response) is not { } used)
        {
            // A response tells its usage once it is over.
            return JobAnswer.NotYet;
        }

        var (tier, share) = scanner.Tier.IsEmpty ? ("default", ServiceTiers.Standard) : price.Tiers.Told(scanner.Tier);
        return JobAnswer.Of(new Charge(used, false, price.CostOf(used, share), share == ServiceTiers.Standard ? null : tier));
    }
}
