using System.Buffers.Text;

namespace TokenBroker.Bench.Load;

/// <summary>What must be known of an answer's head to find the answer's end.</summary>
internal readonly record struct HttpHead(int Status, int End, int Length, bool IsChunked)
{
    /// <param name="head">From the status line to the empty line, both included.</param>
    public static HttpHead Read(ReadOnlySpan<byte> head)
    {
        _ = Utf8Parser.TryParse(head[9..], out int status, out _);
        var (length, chunked) = (0, false);
        for (var rest = head; rest.IndexOf((byte)'\n') is var line and >= 0; rest = rest[(line + 1)..])
        {
            var field = rest[..line];
            if (StartsWith(field, "content-length: "u8))
            {
                _ = Utf8Parser.TryParse(field["content-length: ".Length..], out length, out _);
            }
            else if (StartsWith(field, "transfer-encoding: chunked"u8))
            {
                chunked = true;
            }
        }

        return new HttpHead(status, head.Length, length, chunked);
    }

    private static bool StartsWith(ReadOnlySpan<byte> field, ReadOnlySpan<byte> lower) =>
        field.Length >= lower.Length && System.Text.Ascii.EqualsIgnoreCase(field[..lower.Length], lower);
}
