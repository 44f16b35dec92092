using Microsoft.Extensions.Options;
using TokenBroker.Metering;

namespace TokenBroker.Gateway;

/// <summary>
/// Reads the input file of a batch before the batch is made, and reserves the sum of what its lines can cost at worst. A
/// file does not change at the provider, so that what is judged here is what will run. One line that may not be made
/// refuses the whole.
/// </summary>
internal sealed class ReserveBatch(ProviderReads provider, BatchRules rules, BudgetLedger budgets, IOptions<GatewayOptions> options)
{
    private const int MostLines = 50_000;

    /// <returns>Why the batch is not made; null once it is paid for.</returns>
    public async Task<GatewayError?> RunAsync(Call call, string key, CancellationToken cancellationToken)
    {
        if (call.Request.References is not [{ Kind: "file", Member: "input_file_id" } file])
        {
            return GatewayError.InvalidRequest("'input_file_id' must name the one file of the batch.", "input_file_id");
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, call.Caller.Grant.Cut);
        ending.CancelAfter(options.Value.BatchReadTime);
        try
        {
            var (micros, refusal) = await SumAsync(call, file.Id, key, ending.Token);
            return refusal ?? await ReserveAsync(call, micros, cancellationToken);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return GatewayError.Unavailable;
        }
        catch (InvalidDataException exception)
        {
            return GatewayError.InvalidRequest($"The batch's input file cannot be read: {exception.Message}", "input_file_id");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return call.Caller.Grant.Cut.IsCancellationRequested ? Call.ErrorOf(call.Caller.Grant.CutReason) : GatewayError.Timeout;
        }
    }

    private async Task<(long Micros, GatewayError? Refusal)> SumAsync(Call call, string fileId, string key, CancellationToken cancellationToken)
    {
        using var answer = await provider.GetAsync(call.Upstream, $"/files/{fileId}/content", key, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            return (0, GatewayError.InvalidRequest("The provider does not give out the batch's input file.", "input_file_id"));
        }

        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        using var lines = new LineReader(stream, (int)Math.Min(int.MaxValue / 4, options.Value.MaxJsonBytes), options.Value.MaxBatchBytes);
        var (sum, count) = (0L, 0);
        while (await lines.NextAsync(cancellationToken) is { } line)
        {
            if (line.IsEmpty)
            {
                continue;
            }

            var (micros, refusal) = ++count > MostLines
                ? (0, GatewayError.InvalidRequest($"There are more than {MostLines}."))
                : await rules.JudgeAsync(call.Caller, call.Upstream, line, cancellationToken);
            if (refusal is not null)
            {
                return (0, refusal with { Message = $"Line {count} of the batch's input file: {refusal.Message}" });
            }

            sum = checked(sum + micros);
        }

        return count == 0 ? (0, GatewayError.InvalidRequest("The batch's input file has no lines.", "input_file_id")) : (sum, null);
    }

    private async Task<GatewayError?> ReserveAsync(Call call, long micros, CancellationToken cancellationToken)
    {
        var line = call.Caller.Facts.Budgets;
        if (await budgets.TryReserveAsync(line, micros, cancellationToken) is not { } claim)
        {
            return GatewayError.Exhausted(await budgets.OpenAsync(line, cancellationToken));
        }

        // In place of the nothing that was reserved until the lines were known.
        call.Reservation.Dispose();
        (call.Reservation, call.CeilingMicros) = (claim, micros);
        return null;
    }
}
