using System.Text;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>
/// One request as the sandbox received it, and how it ended so far. A copy: it does not change after it was handed out.
/// </summary>
public sealed class Exchange
{
    /// <summary>Counts up from 1 over the life of the sandbox; clearing the journal does not start it again.</summary>
    public required long Sequence { get; init; }

    public required string Method { get; init; }

    /// <summary>Path and query exactly as they stood on the wire.</summary>
    public required string Target { get; init; }

    /// <summary>For example <c>HTTP/1.1</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>
    /// One entry for each header line, values untouched. Kestrel writes well-known names in their usual case
    /// and does not keep the order of different names.
    /// </summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; }

    /// <summary>The body, up to <see cref="Journal.MaxBodyBytes"/>.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Whether more body came than the journal keeps; such a request is answered with 413.</summary>
    public required bool BodyTruncated { get; init; }

    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>The bearer key in full; null when there was none.</summary>
    public required string? Key { get; init; }

    /// <summary>The faults that this request got.</summary>
    public required IReadOnlyList<FaultKind> Faults { get; init; }

    /// <summary>Status of the answer; null until the answer begins.</summary>
    public required int? Status { get; init; }

    /// <summary>The events that came over a WebSocket, as they came.</summary>
    public IReadOnlyList<string> EventsReceived { get; init; } = [];

    /// <summary>Server-sent events flushed to the caller, the closing <c>[DONE]</c> included.</summary>
    public required int EventsWritten { get; init; }

    /// <summary>Whether the caller went away before the answer was complete.</summary>
    public bool Cancelled => CancelledAt is not null;

    public required DateTimeOffset? CancelledAt { get; init; }

    /// <summary>When the sandbox was done with the request, however it ended; null while it works on it.</summary>
    public required DateTimeOffset? FinishedAt { get; init; }

    public bool Finished => FinishedAt is not null;

    /// <summary><see cref="Target"/> without the query.</summary>
    public string Path => Target.Split('?', 2)[0];

    /// <summary>The body read as UTF-8.</summary>
    public string Text => Encoding.UTF8.GetString(Body.Span);

    /// <summary>The body read as JSON; throws when it is not.</summary>
    public JsonNode? Json => JsonNode.Parse(Body.Span);

    /// <summary>Every value of a header, the name compared without case; empty when it was not sent.</summary>
    public IReadOnlyList<string> HeaderValues(string name) =>
        [.. Headers.Where(h => string.Equals(h.Key, name, StringComparison.OrdinalIgnoreCase)).Select(h => h.Value)];

    /// <summary>The only value of a header, or null when it was not sent; throws when it was sent more than once.</summary>
    public string? Header(string name) => HeaderValues(name).SingleOrDefault();

    /// <summary>Without key, headers and body: fit for the message of a failed test.</summary>
    public override string ToString() =>
        $"#{Sequence} {Method} {Target} -> {Status?.ToString() ?? "no answer yet"}, {EventsWritten} events"
        + $"{(Cancelled ? ", cancelled" : "")}{(Finished ? "" : ", open")}";
}
