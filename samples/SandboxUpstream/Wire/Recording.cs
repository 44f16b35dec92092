using System.Collections.Immutable;
using Microsoft.AspNetCore.Http.Features;

namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>The journal's live entry for one request. Every change goes through <see cref="Journal.Change"/>, under its lock.</summary>
internal sealed class Recording(Journal journal, long sequence, HttpContext context, DateTimeOffset receivedAt)
{
    private readonly string method = context.Request.Method;
    private readonly string target = RawTarget(context);
    private readonly string protocol = context.Request.Protocol;
    private readonly KeyValuePair<string, string>[] headers =
        [.. context.Request.Headers.SelectMany(h => h.Value, (h, value) => KeyValuePair.Create(h.Key, value ?? ""))];

    private ReadOnlyMemory<byte> body;
    private bool truncated;
    private FaultKind[] faults = [];
    private int? status;
    private int events;
    private ImmutableArray<string> eventsReceived = [];
    private bool answered;
    private DateTimeOffset? cancelledAt;
    private DateTimeOffset? finishedAt;

    public long Sequence => sequence;

    public string Target => target;

    public string? Key { get; } = Keys.Bearer(context.Request.Headers.Authorization);

    /// <summary>Lists the exchange: its body is here, or all of it that there will be.</summary>
    public void Received(ReadOnlyMemory<byte> content, bool cut) => journal.Change(_ =>
    {
        body = content;
        truncated = cut;
        journal.List(this);
    });

    public void Faulted(IEnumerable<FaultKind> kinds) => journal.Change(_ => faults = [.. kinds]);

    /// <summary>
    /// The headers go out. Kestrel also says so after the handler of a broken connection has ended, when nothing was sent;
    /// that is no answer.
    /// </summary>
    public void Started(int statusCode) => journal.Change(_ =>
    {
        if (cancelledAt is null && finishedAt is null)
        {
            status = statusCode;
        }
    });

    public void EventReceived(string text) => journal.Change(_ => eventsReceived = eventsReceived.Add(text));

    public void EventWritten() => journal.Change(_ => events++);

    /// <summary>
    /// Said just before the last bytes go out, or before the sandbox itself breaks the connection: a caller that closes
    /// the moment it has the end did not cancel, and would otherwise race with the end of the handler.
    /// </summary>
    public void Answered() => journal.Change(_ => answered = true);

    public void CallerWentAway() => journal.Change(now =>
    {
        if (!answered && finishedAt is null)
        {
            cancelledAt ??= now;
        }
    });

    /// <summary>
    /// The handler has ended. Where the caller's leaving ended it, the notice of that may come a moment later, since a
    /// token's callbacks run last come, first served: it counts as cancelled all the same.
    /// </summary>
    public void Finished() => journal.Change(now =>
    {
        if (!answered && finishedAt is null && context.RequestAborted.IsCancellationRequested)
        {
            cancelledAt ??= now;
        }

        finishedAt ??= now;
    });

    public Exchange Copy() => new()
    {
        Sequence = sequence,
        Method = method,
        Target = target,
        Protocol = protocol,
        Headers = headers,
        Body = body,
        BodyTruncated = truncated,
        ReceivedAt = receivedAt,
        Key = Key,
        Faults = faults,
        Status = status,
        EventsWritten = events,
        EventsReceived = eventsReceived,
        CancelledAt = cancelledAt,
        FinishedAt = finishedAt,
    };

    private static string RawTarget(HttpContext context)
    {
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        // An in-memory test server has no wire.
        return string.IsNullOrEmpty(raw) ? context.Request.Path + context.Request.QueryString : raw;
    }
}
