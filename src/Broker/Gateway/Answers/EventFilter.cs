using System.Buffers;
using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>
/// Takes the usage that the gateway asked for out of a chat stream again, so that a client that did not ask sees the
/// stream it expects: the last chunk, which carries usage and no choice, is dropped, and the others lose their
/// <c>"usage":null</c>. Whole events are passed on as soon as they are whole; none is held longer.
/// </summary>
internal sealed class EventFilter
{
    private const int LongestEvent = 1024 * 1024;
    private readonly ArrayBufferWriter<byte> _held = new(4096);
    private readonly ArrayBufferWriter<byte> _ready = new(4096);

    /// <summary>What may be passed on; valid until the next <see cref="Feed"/>.</summary>
    public ReadOnlyMemory<byte> Feed(ReadOnlySpan<byte> bytes)
    {
        _ready.ResetWrittenCount();
        _held.Write(bytes);
        var held = _held.WrittenSpan;
        var taken = 0;
        while (EndOfEvent(held[taken..]) is > 0 and var length)
        {
            Pass(held.Slice(taken, length));
            taken += length;
        }

        if (taken == 0 && held.Length > LongestEvent)
        {
            // Not an event stream as this provider writes it: pass it as it is.
            taken = held.Length;
            _ready.Write(held);
        }

        var rest = held[taken..].ToArray();
        _held.ResetWrittenCount();
        _held.Write(rest);
        return _ready.WrittenMemory;
    }

    /// <summary>What is left when the stream ends within an event.</summary>
    public ReadOnlyMemory<byte> Rest => _held.WrittenMemory;

    /// <summary>The length up to and with the first empty line, whichever of LF and CRLF ends it and the line before it.</summary>
    private static int EndOfEvent(ReadOnlySpan<byte> bytes)
    {
        var lf = bytes.IndexOf("\n\n"u8);
        var crlf = bytes.IndexOf("\n\r\n"u8);
        return lf >= 0 && (crlf < 0 || lf < crlf) ? lf + 2 : crlf >= 0 ? crlf + 3 : 0;
    }

    private void Pass(ReadOnlySpan<byte> @event)
    {
        var at = @event.IndexOf("\"usage\""u8);
        if (at < 0)
        {
            _ready.Write(@event);
            return;
        }

        if (IsUsageChunk(@event))
        {
            return;
        }

        // A quote inside a JSON string is always escaped, so that these bytes can only be the member itself.
        foreach (var member in (ReadOnlySpan<byte[]>)[WithComma, WithSpaces, BeforeComma])
        {
            var found = @event.IndexOf(member);
            if (found >= 0)
            {
                _ready.Write(@event[..found]);
                _ready.Write(@event[(found + member.Length)..]);
                return;
            }
        }

        _ready.Write(@event);
    }

    private static readonly byte[] WithComma = ",\"usage\":null"u8.ToArray();
    private static readonly byte[] WithSpaces = ", \"usage\": null"u8.ToArray();
    private static readonly byte[] BeforeComma = "\"usage\":null,"u8.ToArray();

    private static bool IsUsageChunk(ReadOnlySpan<byte> @event)
    {
        var data = @event.IndexOf("data:"u8);
        if (data < 0)
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(@event[(data + 5)..].Trim(" \r\n"u8));
            using var chunk = JsonDocument.ParseValue(ref reader);
            return chunk.RootElement.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object
                && chunk.RootElement.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array
                && choices.GetArrayLength() == 0;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
