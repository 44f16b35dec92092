using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>One text of an input, with its cost.</summary>
internal readonly record struct InputText(string Text, int Tokens);

/// <summary>An input that is a text, a list of texts, a list of tokens, or a list of lists of tokens. A token costs one token.</summary>
internal static class InputTexts
{
    private const int Most = 2048;

    public static IReadOnlyList<InputText> Read(Parameters parameters, string name, bool isRequired = true)
    {
        var node = parameters.Values[name];
        parameters.RefuseIf(node is null && isRequired, () => ProviderErrors.MissingParameter(name));
        IReadOnlyList<InputText?> texts = node switch
        {
            null => [new InputText("", 0)],
            JsonArray { Count: 0 } => [],
            JsonArray list when list.All(IsNumber) => [Tokens(list)],
            JsonArray list => [.. list.Select(One)],
            _ => [One(node)],
        };
        parameters.RefuseIf(
            texts.Any(t => t is null) || texts.Count is 0 or > Most || (isRequired && texts.Any(t => t?.Tokens == 0)),
            () => ProviderErrors.Invalid(name, $"'$.{name}' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.", code: null));
        return [.. texts.Select(t => t ?? default)];
    }

    private static InputText? One(JsonNode? node) => node switch
    {
        JsonValue value when value.GetValueKind() == JsonValueKind.String => new InputText(value.GetValue<string>(), TokenCount.Of(value.GetValue<string>())),
        JsonArray { Count: > 0 } list when list.All(IsNumber) => Tokens(list),
        _ => null,
    };

    private static InputText Tokens(JsonArray list) => new(list.ToJsonString(), list.Count);

    private static bool IsNumber(JsonNode? node) => node?.GetValueKind() == JsonValueKind.Number;
}
