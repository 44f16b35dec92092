using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>Settles what a session used, and leaves a row of usage for each response and each transcript.</summary>
internal sealed class SessionRows(SessionTerms terms, Guid keyId, UsageLog usage, TimeProvider time)
{
    public void WriteResponse(Claim claim, ModelPrice price, TokenUsage tokens, bool isEstimate, int status, TimeSpan elapsed) =>
        Write("realtime.response", terms.Model, claim, price, tokens, isEstimate, status, elapsed);

    public void WriteTranscript(Transcript transcript, bool isEstimate, int status) =>
        Write("realtime.transcription", transcript.Model, transcript.Claim, transcript.Price, transcript.Tokens, isEstimate, status, TimeSpan.Zero);

    private void Write(string operation, string model, Claim claim, ModelPrice price, TokenUsage tokens, bool isEstimate, int status, TimeSpan elapsed)
    {
        // What was reported counts as it is; a guess is never worse than the worst.
        var cost = isEstimate ? Math.Min(price.CostOf(tokens), claim.Micros) : price.CostOf(tokens);
        claim.Settle(cost);
        usage.Add(new UsageEntry(
            new Usage
            {
                Id = Guid.CreateVersion7(time.GetUtcNow()),

                // What a child grant used is shown with the grant that the user knows.
                GrantId = terms.Facts.Line[^1].GrantId,
                At = time.GetUtcNow().UtcDateTime,
                Operation = operation,
                Model = model,
                InputTokens = tokens.Input,
                CachedInputTokens = tokens.CachedInput,
                OutputTokens = tokens.Output,
                CostMicros = cost,
                Estimated = isEstimate,
                Status = status,
                DurationMs = (int)Math.Min(int.MaxValue, elapsed.TotalMilliseconds),
            },
            claim.First,
            keyId));
    }
}
