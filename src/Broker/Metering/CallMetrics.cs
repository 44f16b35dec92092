using System.Diagnostics.Metrics;

namespace TokenBroker.Metering;

/// <summary>
/// What calls came to, for whoever watches the broker: how many, how long, tokens and cost. They are counted once their
/// usage is stored, behind the calls, so that a call pays nothing for it and the sums agree with the table. No tag names
/// a person, an app or a key.
/// </summary>
internal sealed class CallMetrics
{
    private static readonly InstrumentAdvice<double> s_seconds = new()
    {
        HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000],
    };

    private static readonly object s_yes = true;
    private static readonly object s_no = false;
    private readonly Counter<long> _calls;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _cost;
    private readonly Histogram<double> _duration;
    private readonly Meter _meter;

    public CallMetrics(IMeterFactory meters)
    {
        _meter = BrokerMeter.Of(meters);
        _calls = _meter.CreateCounter<long>("tokenbroker.calls", "{call}", "Calls that were sent to a provider and have ended.");
        _tokens = _meter.CreateCounter<long>("tokenbroker.tokens", "{token}", "Tokens of those calls, as they are charged.");
        _cost = _meter.CreateCounter<long>("tokenbroker.cost", "{micro_usd}", "What those calls cost, in micro-dollars.");
        _duration = _meter.CreateHistogram("tokenbroker.call.duration", "s", "From the sending of a call to the end of its answer.", tags: null, s_seconds);
    }

    /// <summary>Tells how many ended calls wait to be stored.</summary>
    public void Watch(Func<long> waiting) =>
        _meter.CreateObservableGauge("tokenbroker.usage.waiting", waiting, "{call}", "Ended calls whose usage waits to be stored. New calls are refused at 50,000.");

    public void Add(Usage usage)
    {
        var operation = new KeyValuePair<string, object?>(BrokerMeter.Operation, usage.Operation);
        _calls.Add(1, operation, new("http.response.status_code", usage.Status), new("tokenbroker.estimated", usage.Estimated ? s_yes : s_no));
        _duration.Record(usage.DurationMs / 1000.0, operation);
        AddIfAny(_tokens, usage.InputTokens, operation, new("gen_ai.token.type", "input"));
        AddIfAny(_tokens, usage.OutputTokens, operation, new("gen_ai.token.type", "output"));
        AddIfAny(_cost, usage.CostMicros, operation, new("tokenbroker.estimated", usage.Estimated ? s_yes : s_no));
    }

    private static void AddIfAny(Counter<long> counter, long amount, KeyValuePair<string, object?> one, KeyValuePair<string, object?> other)
    {
        if (amount > 0)
        {
            counter.Add(amount, one, other);
        }
    }
}
