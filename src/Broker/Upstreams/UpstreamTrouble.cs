using System.Collections.Concurrent;

namespace TokenBroker.Upstreams;

/// <summary>
/// Tells the log when calls to a provider begin to fail and when it answers again: two lines for an outage, however many
/// calls it meets, and at most two in ten seconds where only some of them fail. The first line names a call, as its app
/// knows it.
/// </summary>
internal sealed class UpstreamTrouble(TimeProvider time, ILogger<UpstreamTrouble> logger)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<string, Outage> _outages = new(StringComparer.Ordinal);
    private int _open;

    /// <param name="upstreamId">Whom the call was for.</param>
    /// <param name="request">The call, as its app knows it.</param>
    /// <param name="reason">What went wrong, without anything that was sent or answered.</param>
    public void Failed(string upstreamId, string request, string reason)
    {
        var began = new Outage(time.GetUtcNow());
        var outage = _outages.GetOrAdd(upstreamId, began);
        Interlocked.Increment(ref outage.Calls);
        if (ReferenceEquals(outage, began))
        {
            Interlocked.Increment(ref _open);
            logger.LogWarning("Calls to {Upstream} fail, first {Request}: {Reason}", upstreamId, request, reason);
        }
    }

    /// <summary>On the path of every call: nothing but a look while all is well.</summary>
    public void Answered(string upstreamId)
    {
        if (Volatile.Read(ref _open) > 0)
        {
            End(upstreamId);
        }
    }

    private void End(string upstreamId)
    {
        if (_outages.TryGetValue(upstreamId, out var outage) && time.GetUtcNow() - outage.Since >= Shortest && _outages.TryRemove(new(upstreamId, outage)))
        {
            Interlocked.Decrement(ref _open);
            logger.LogInformation("{Upstream} answers again; {Count} calls failed since {Since:O}.", upstreamId, Volatile.Read(ref outage.Calls), outage.Since);
        }
    }

    private sealed class Outage(DateTimeOffset since)
    {
        public int Calls;

        public DateTimeOffset Since { get; } = since;
    }
}
