using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Chat;

/// <summary>A call of one of the caller's tools, made up from its schema. It happens only where tool_choice forces it, and where
/// the caller named the tool (<c>IsNamed</c>) the answer ends with <c>stop</c>, as the provider's does.</summary>
internal sealed record ToolCall(string Name, string Arguments, bool IsNamed)
{
    /// <summary>The call that these parameters force, if any; <paramref name="function"/> finds the function in a tool.</summary>
    public static ToolCall? Forced(JsonNode? choice, JsonArray? tools, Func<JsonNode, JsonNode?> function)
    {
        var functions = (tools ?? []).Select(tool => tool is JsonObject ? function(tool) as JsonObject : null).OfType<JsonObject>();
        if (choice is JsonObject)
        {
            var name = NameOf(function(choice));
            var named = name is null ? null : functions.FirstOrDefault(f => NameOf(f) == name);
            return named is null ? null : From(named, isNamed: true);
        }

        var isRequired = choice?.GetValueKind() == JsonValueKind.String && choice.GetValue<string>() == "required";
        return isRequired && functions.FirstOrDefault() is { } first ? From(first, isNamed: false) : null;
    }

    private static string? NameOf(JsonNode? function) => (function as JsonObject)?["name"]?.ToString();

    private static ToolCall From(JsonObject function, bool isNamed) =>
        new(function["name"]?.ToString() ?? "", SchemaSample.Of(function["parameters"])?.ToJsonString() ?? "{}", isNamed);
}
