using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>One call of a batch's input file: where it goes and what it says.</summary>
/// <param name="Url">The path from the host on, as the provider reads it.</param>
/// <param name="Body">The JSON of the call, in the line's own bytes.</param>
internal readonly record struct BatchLine(string Url, ReadOnlyMemory<byte> Body)
{
    /// <returns>Null where the line is none that can be read in one way only.</returns>
    public static BatchLine? Read(ReadOnlyMemory<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line.Span, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            string? url = null, method = null;
            ReadOnlyMemory<byte>? body = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                var from = (int)reader.TokenStartIndex;
                switch (name)
                {
                    case "url" when url is null && reader.TokenType == JsonTokenType.String:
                        url = reader.GetString();
                        break;
                    case "method" when method is null && reader.TokenType == JsonTokenType.String:
                        method = reader.GetString();
                        break;
                    case "body" when body is null && reader.TokenType == JsonTokenType.StartObject:
                        reader.Skip();
                        body = line[from..(int)reader.BytesConsumed];
                        break;
                    case "custom_id":
                        reader.Skip();
                        break;
                    default:
                        // Twice, of another type, or unknown: another parser could take it for something else.
                        return null;
                }
            }

            return method == "POST" && url is not null && body is { } said && !reader.Read() ? new BatchLine(url, said) : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
