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

    // What has come of an event that is not whole yet, and how far it was searched for the event's end.
    private byte[] _held = [];
    private int _length;
    private int _searched;

    /// <summary>Passes on the events that are whole by now.</summary>
    public void Feed(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        if (_length == 0)
        {
            // The usual case: chunks end where events end.
            Hold(bytes[PassEvents(bytes, 0, output)..]);
            _searched = Math.Max(0, _length - 2);
            return;
        }

        Hold(bytes);
        var held = _held.AsSpan(0, _length);
        var taken = PassEvents(held, _searched, output);
        if (taken == 0 && _length > LongestEvent)
        {
            // Not an event stream as this provider writes it: pass it as it is.
            output.Write(held);
            taken = _length;
        }

        held[taken..].CopyTo(_held);
        _length -= taken;
        _searched = Math.Max(0, _length - 2);
        if (_length == 0)
        {
            Clear();
        }
    }

    /// <summary>Passes on what is left when the stream ends within an event.</summary>
    public void Complete(IBufferWriter<byte> output)
    {
        output.Write(_held.AsSpan(0, _length));
        Clear();
    }

    /// <summary>Gives back what was rented.</summary>
    public void Clear()
    {
        if (_held.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_held);
        }

        (_held, _length, _searched) = ([], 0, 0);
    }

    private void Hold(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _held.Length - _length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(1024, 2 * (_length + bytes.Length)));
            _held.AsSpan(0, _length).CopyTo(larger);
            if (_held.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_held);
            }

            _held = larger;
        }

        bytes.CopyTo(_held.AsSpan(_length));
        _length += bytes.Length;
    }

    /// <returns>How many bytes the whole events take.</returns>
    private static int PassEvents(ReadOnlySpan<byte> bytes, int searched, IBufferWriter<byte> output)
    {
        var taken = 0;
        while (EndOfEvent(bytes[(taken + searched)..]) is > 0 and var end)
        {
            Pass(bytes.Slice(taken, searched + end), output);
            taken += searched + end;
            searched = 0;
        }

        return taken;
    }

    /// <summary>The length up to and with the first empty line, whichever of LF and CRLF ends it and the line before it.</summary>
    private static int EndOfEvent(ReadOnlySpan<byte> bytes)
    {
        var lf = bytes.IndexOf("\n\n"u8);
        var crlf = bytes.IndexOf("\n\r\n"u8);
        return lf >= 0 && (crlf < 0 || lf < crlf) ? lf + 2 : crlf >= 0 ? crlf + 3 : 0;
    }

    private static void Pass(ReadOnlySpan<byte> @event, IBufferWriter<byte> output)
    {
        var at = @event.IndexOf("\"usage\""u8);
        if (at < 0)
        {
            output.Write(@event);
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
                output.Write(@event[..found]);
                output.Write(@event[(found + member.Length)..]);
                return;
            }
        }

        output.Write(@event);
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
