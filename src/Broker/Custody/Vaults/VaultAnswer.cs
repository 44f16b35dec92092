using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace TokenBroker.Custody.Vaults;

/// <summary>Reads what a vault answered: a part that is missing or of another kind is null, and nothing throws.</summary>
internal static class VaultAnswer
{
    /// <summary>Reads to the end, in memory that the caller clears.</summary>
    /// <returns>Null where it is longer than any answer of a vault.</returns>
    public static async Task<byte[]?> ReadAsync(Stream content, CancellationToken cancellationToken)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
        var length = 0;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                {
                    if (length >= VaultTransport.LongestAnswer)
                    {
                        return null;
                    }

                    var larger = GC.AllocateUninitializedArray<byte>(length * 4, pinned: true);
                    buffer.CopyTo(larger, 0);
                    CryptographicOperations.ZeroMemory(buffer);
                    buffer = larger;
                }

                var read = await content.ReadAsync(buffer.AsMemory(length), cancellationToken);
                if (read == 0)
                {
                    return buffer[..length];
                }

                length += read;
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
        }
    }

    /// <returns>Null where it is not JSON.</returns>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonDocument.Parse(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static JsonElement? Member(this JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } parent && parent.TryGetProperty(name, out var member) ? member : null;

    public static string? Text(this JsonElement? element) => element is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    public static long? Number(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var value) ? value : null;

    public static bool? Truth(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.True or JsonValueKind.False } truth ? truth.GetBoolean() : null;

    public static JsonElement[]? Items(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray()] : null;

    /// <summary>A string's bytes where they lie, so that a data key never becomes a string. One with escapes is not taken.</summary>
    public static ReadOnlySpan<byte> RawText(this JsonElement? element)
    {
        if (element is not { ValueKind: JsonValueKind.String } text)
        {
            return [];
        }

        var quoted = JsonMarshal.GetRawUtf8Value(text);
        return quoted[1..^1].Contains((byte)'\\') ? [] : quoted[1..^1];
    }
}
