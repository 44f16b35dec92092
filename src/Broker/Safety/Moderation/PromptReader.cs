using System.Buffers;
using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Safety;

/// <summary>
/// Reads, from the bytes that will be sent, all that a model would be told: messages of every role, instructions, the
/// descriptions of tools. Whatever text is not known to be mere structure counts as content. What a moderation cannot
/// look at (sound, files, tokens in place of text, what lies at the provider) makes the whole unreadable.
/// </summary>
internal ref struct PromptReader
{
    private const int LongestStructure = 128;
    private const int LongestName = 32;
    private static readonly SearchValues<char> s_nameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.$");
    private readonly Prompt _prompt = new();
    private Utf8JsonReader _reader;

    private PromptReader(ReadOnlySpan<byte> body) => _reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });

    /// <summary>Whether calls of this kind tell a model anything.</summary>
    public static bool Concerns(OperationKind kind, bool embeddings) =>
        kind is not (OperationKind.Free or OperationKind.Transcription) && (kind != OperationKind.Embedding || embeddings);

    /// <returns>Null where any of it cannot be read.</returns>
    public static Prompt? Read(ReadOnlySpan<byte> body, OperationKind kind)
    {
        if (kind is not (OperationKind.Chat or OperationKind.Response or OperationKind.Completion or OperationKind.Image or OperationKind.Speech or OperationKind.Embedding))
        {
            return null;
        }

        try
        {
            var reader = new PromptReader(body);
            return reader.TryReadMembers(kind) ? reader._prompt : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private bool TryReadMembers(OperationKind kind)
    {
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.GetString()!;
            _reader.Read();
            if (IsStoredElsewhere(name, kind) && _reader.TokenType != JsonTokenType.Null)
            {
                return false;
            }

            if (!IsContent(name, kind))
            {
                _reader.Skip();
            }
            else if (!TryReadValue(name, ofTokens: kind is OperationKind.Completion or OperationKind.Embedding))
            {
                return false;
            }
        }

        return _reader.TokenType == JsonTokenType.EndObject;
    }

    private static bool IsContent(string name, OperationKind kind) => kind switch
    {
        OperationKind.Chat => name is "messages" or "tools" or "functions" or "response_format" or "prediction",
        OperationKind.Response => name is "input" or "instructions" or "tools" or "text",
        OperationKind.Completion => name is "prompt" or "suffix",
        OperationKind.Image => name is "prompt" or "images" or "image" or "mask",
        _ => name is "input" or "instructions",
    };

    private static bool IsStoredElsewhere(string name, OperationKind kind) =>
        kind == OperationKind.Response && name is "previous_response_id" or "conversation" or "prompt";

    private bool TryReadValue(string name, bool ofTokens)
    {
        switch (_reader.TokenType)
        {
            case JsonTokenType.String:
                Take(name);
                return true;
            case JsonTokenType.Number:
                return !ofTokens;
            case JsonTokenType.StartArray:
                while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
                {
                    if (!TryReadValue(name, ofTokens))
                    {
                        return false;
                    }
                }

                return true;
            case JsonTokenType.StartObject:
                while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
                {
                    var member = _reader.GetString()!;
                    _reader.Read();
                    TakeName(member);
                    if ((IsUnreadable(member) && _reader.TokenType != JsonTokenType.Null)
                        || !TryReadValue(name == "image_url" && member == "url" ? name : member, ofTokens: false))
                    {
                        return false;
                    }
                }

                return true;
            default:
                return true;
        }
    }

    private static bool IsUnreadable(string member) => member is "input_audio" or "audio" or "file" or "file_id" or "file_data" or "file_url";

    /// <summary>A model reads the names in a schema too; one that is no plain name is a text.</summary>
    private readonly void TakeName(string member)
    {
        if (member.Length > LongestName || member.AsSpan().ContainsAnyExcept(s_nameCharacters))
        {
            _prompt.AddText(member);
        }
    }

    private readonly void Take(string name)
    {
        var text = _reader.GetString()!;
        if (name == "image_url")
        {
            _prompt.AddImage(text);
        }

        // The provider sealed it itself, and takes back nothing else.
        else if (name != "encrypted_content" && !(IsStructure(name) && text.Length <= LongestStructure))
        {
            _prompt.AddText(text);
        }
    }

    private static bool IsStructure(string name) => name is "type" or "role" or "id" or "call_id" or "tool_call_id" or "detail" or "status";
}
