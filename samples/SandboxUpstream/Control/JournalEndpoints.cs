using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TokenBroker.Samples.SandboxUpstream.Control;

/// <summary>The journal over HTTP, for a person or a test in another process. Keys are masked unless asked for.</summary>
internal static class JournalEndpoints
{
    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public static void MapJournal(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/_sandbox/journal", (Journal journal, bool reveal = false) =>
            Results.Json(journal.Snapshot().Select(exchange => Show(exchange, reveal)), Json));
        routes.MapDelete("/_sandbox/journal", (Journal journal) =>
        {
            journal.Clear();
            return Results.NoContent();
        });
    }

    private static object Show(Exchange exchange, bool reveal) => new
    {
        exchange.Sequence,
        exchange.Method,
        exchange.Target,
        exchange.Protocol,
        Headers = exchange.Headers.Select(h => new { Name = h.Key, Value = IsSecret(h.Key) && !reveal ? Mask(h.Value) : h.Value }),
        Key = exchange.Key is { } key && !reveal ? Mask(key) : exchange.Key,
        Text = TextOf(exchange.Body.Span),
        Base64 = TextOf(exchange.Body.Span) is null ? Convert.ToBase64String(exchange.Body.Span) : null,
        exchange.BodyTruncated,
        exchange.ReceivedAt,
        Faults = exchange.Faults.Select(Faults.NameOf),
        exchange.Status,
        exchange.EventsWritten,
        exchange.Cancelled,
        exchange.CancelledAt,
        exchange.FinishedAt,
    };

    private static bool IsSecret(string header) => header.Equals("Authorization", StringComparison.OrdinalIgnoreCase);

    private static string Mask(string value) => "…" + (value.Length > 8 ? value[^4..] : "");

    private static string? TextOf(ReadOnlySpan<byte> body)
    {
        try
        {
            return StrictUtf8.GetString(body);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
