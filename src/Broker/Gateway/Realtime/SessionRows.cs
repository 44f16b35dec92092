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
        var row = new Charge(tokens, isEstimate, cost, null).ToRow(Guid.CreateVersion7(time.GetUtcNow()), terms.Facts.Line[^1].GrantId, operation, model, status, elapsed, time.GetUtcNow());
        usage.Add(new UsageEntry(row, claim.First, keyId));
    }
}
