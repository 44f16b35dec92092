using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>One server-sent event; without data it is the closing <c>[DONE]</c>.</summary>
internal readonly record struct StreamEvent(JsonObject? Data, string? Name = null)
{
    public static StreamEvent Done => new(null);

    /// <summary>An event whose name is the type in its data, as the Responses API sends them.</summary>
    public static StreamEvent Typed(JsonObject data) => new(data, (string?)data["type"]);
}

/// <summary>
/// Sends the events of an answer one by one: each is flushed before the next is made, so that a caller that goes away stops
/// the work. The faults that strike in the middle of a stream live here.
/// </summary>
internal static class EventStream
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static async Task StreamAsync(this Call call, IEnumerable<StreamEvent> events)
    {
        call.Response.ContentType = "text/event-stream; charset=utf-8";
        call.Response.Headers.CacheControl = "no-cache";
        await call.PauseBeforeAsync();
        var plain = call.Response.Body;
        if (call.Find(FaultKind.Gzip) is not null)
        {
            call.Response.Headers.ContentEncoding = "gzip";
            call.Response.Body = new GZipStream(plain, CompressionLevel.Fastest, leaveOpen: true);
        }

        try
        {
            await SendAsync(call, events);
        }
        finally
        {
            if (call.Response.Body != plain)
            {
                await call.Response.Body.DisposeAsync();
                call.Response.Body = plain;
            }
        }
    }

    private static async Task SendAsync(Call call, IEnumerable<StreamEvent> events)
    {
        var sent = 0;
        var waiting = default(StreamEvent?);
        foreach (var next in events)
        {
            if (waiting is { } ready && !await SendNextAsync(call, ready, sent++, isLast: false))
            {
                return;
            }

            waiting = next;
        }

        if (waiting is { } last)
        {
            await SendNextAsync(call, last, sent, isLast: true);
        }
    }

    /// <summary>Returns whether the stream goes on.</summary>
    private static async Task<bool> SendNextAsync(Call call, StreamEvent next, int sent, bool isLast)
    {
        if (sent > 0)
        {
            await call.PauseAsync(call.EventDelay);
        }

        var fault = call.Find(
            FaultKind.Drop, FaultKind.StallMidStream, FaultKind.StreamError, FaultKind.EndEarly, FaultKind.MalformedJson);
        if (fault is not null && sent == fault.AfterEvents)
        {
            switch (fault.Kind)
            {
                case FaultKind.Drop:
                    await call.BreakOffAsync();
                    break;
                case FaultKind.StallMidStream:
                    await call.StallAsync();
                    break;
                case FaultKind.StreamError:
                    await WriteAsync(call, Error(next, sent), isLast: true);
                    return false;
                case FaultKind.EndEarly:
                    call.Recording.Answered();
                    return false;
                default:
                    await call.WriteAsync("data: {\"broken\": [\n\n"u8.ToArray());
                    call.Recording.EventWritten();
                    break;
            }
        }

        if (sent == 0 && call.EchoesKey && next.Data is not null)
        {
            next.Data["sandbox_echo"] = call.Recording.Key;
        }

        await WriteAsync(call, next, isLast);
        return true;
    }

    private static async Task WriteAsync(Call call, StreamEvent next, bool isLast)
    {
        using var buffer = new MemoryStream();
        if (next.Name is not null)
        {
            buffer.Write("event: "u8);
            buffer.Write(System.Text.Encoding.UTF8.GetBytes(next.Name));
            buffer.Write("\n"u8);
        }

        buffer.Write("data: "u8);
        buffer.Write(next.Data is null ? "[DONE]"u8 : JsonSerializer.SerializeToUtf8Bytes(next.Data, Compact));
        buffer.Write("\n\n"u8);
        ReadOnlyMemory<byte> bytes = buffer.ToArray();
        if (call.Find(FaultKind.EchoKeySplit) is not null)
        {
            bytes = await call.WriteUpToMidKeyAsync(bytes);
        }

        if (isLast)
        {
            call.Recording.Answered();
        }

        await call.WriteAsync(bytes);
        call.Recording.EventWritten();
    }

    // The two stream dialects report an error in their own shape.
    private static StreamEvent Error(StreamEvent next, int sent)
    {
        const string message = "The server had an error while processing your request. Sorry about that!";
        return next.Name is null
            ? new StreamEvent(new JsonObject
            {
                ["error"] = new JsonObject { ["message"] = message, ["type"] = "server_error", ["param"] = null, ["code"] = null },
            })
            : StreamEvent.Typed(new JsonObject
            {
                ["type"] = "error",
                ["sequence_number"] = sent,
                ["code"] = "server_error",
                ["message"] = message,
                ["param"] = null,
            });
    }
}
