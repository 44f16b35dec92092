using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;

namespace TokenBroker.Samples.SandboxUpstream.Chat;

/// <summary>
/// What was asked. Its tokens are the sum of <see cref="TokenCount.Of"/> over every text part of every message, and
/// <see cref="TokenCount.PerImage"/> for each part of another kind; roles, tools and settings cost nothing.
/// </summary>
internal sealed class Prompt
{
    private static readonly string[] PartTypes =
        ["text", "image_url", "input_audio", "file", "refusal", "input_text", "input_image", "input_file", "output_text"];

    public int Tokens { get; private set; }

    /// <summary>The last text of the user.</summary>
    public string Asked { get; private set; } = "";

    /// <summary>Adds what is not in the body, but known to the provider.</summary>
    public void Add(int tokens) => Tokens += tokens;

    /// <summary>Adds the content of one message: a text, or a list of parts.</summary>
    public void Add(Parameters parameters, string name, JsonNode? content, bool isUser)
    {
        switch (content)
        {
            case null:
                break;
            case JsonArray parts:
                var texts = parts.Select((part, index) => AddPart(parameters, $"{name}[{index}]", part)).OfType<string>().ToArray();
                Asked = isUser ? string.Join(' ', texts) : Asked;
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                var text = value.GetValue<string>();
                Tokens += TokenCount.Of(text);
                Asked = isUser ? text : Asked;
                break;
            default:
                parameters.Refuse(ProviderErrors.InvalidType(
                    name, "one of a string or array of objects", Parameters.KindOf(content)));
                break;
        }
    }

    private string? AddPart(Parameters parameters, string name, JsonNode? part)
    {
        if (part is not JsonObject)
        {
            parameters.Refuse(ProviderErrors.InvalidType(name, "an object", Parameters.KindOf(part)));
            return null;
        }

        var type = part["type"]?.ToString() ?? "";
        if (!PartTypes.Contains(type))
        {
            parameters.Refuse(ProviderErrors.InvalidValue($"{name}.type", type, PartTypes));
            return null;
        }

        if (type is "text" or "input_text" or "output_text" or "refusal")
        {
            var text = (part["text"] ?? part["refusal"])?.ToString();
            parameters.RefuseIf(text is null, () => ProviderErrors.MissingParameter($"{name}.text"));
            Tokens += TokenCount.Of(text ?? "");
            return text;
        }

        Tokens += TokenCount.PerImage;
        return null;
    }
}
