using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Chat;

/// <summary>Makes the plainest value that fits a JSON schema: arguments of a tool, or a structured answer.</summary>
internal static class SchemaSample
{
    private const int Deepest = 16;

    public static JsonNode? Of(JsonNode? schema, int depth = 0)
    {
        if (schema is not JsonObject rules || depth > Deepest)
        {
            return new JsonObject();
        }

        if (rules["enum"] is JsonArray { Count: > 0 } values)
        {
            return values[0]?.DeepClone();
        }

        return TypeOf(rules) switch
        {
            "string" => "sandbox",
            "integer" => rules["minimum"]?.DeepClone() ?? 1,
            "number" => rules["minimum"]?.DeepClone() ?? 1.5,
            "boolean" => true,
            "null" => null,
            "array" => new JsonArray(Of(rules["items"], depth + 1)),
            _ => Properties(rules, depth),
        };
    }

    private static JsonObject Properties(JsonObject rules, int depth)
    {
        var sample = new JsonObject();
        foreach (var (name, schema) in rules["properties"] as JsonObject ?? [])
        {
            sample[name] = Of(schema, depth + 1);
        }

        return sample;
    }

    private static string? TypeOf(JsonObject rules) => rules["type"] switch
    {
        JsonArray { Count: > 0 } several => several[0]?.ToString(),
        JsonValue one when one.GetValueKind() == JsonValueKind.String => one.GetValue<string>(),
        _ => null,
    };
}
