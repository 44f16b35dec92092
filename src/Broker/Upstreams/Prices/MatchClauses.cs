using System.Text.Json;

namespace TokenBroker.Upstreams;

/// <summary>Reads the rules by which a price list matches names: <c>{"equals": ...}</c> and the like, one, a list of which any counts, or nested by <c>or</c> and <c>and</c>.</summary>
internal static class MatchClauses
{
    private const int Deepest = 8;

    /// <exception cref="JsonException">A rule is of an unknown kind.</exception>
    public static ModelMatch Read(JsonElement match, string model, int depth = 0)
    {
        if (depth > Deepest)
        {
            throw new JsonException($"'{model}' has rules that are nested too deep.");
        }

        if (match.ValueKind == JsonValueKind.Array)
        {
            return new ModelMatch.Either([.. match.EnumerateArray().Select(part => Read(part, model, depth + 1))]);
        }

        if (match.ValueKind != JsonValueKind.Object || match.EnumerateObject().ToList() is not [var rule])
        {
            throw new JsonException($"A match of '{model}' is not one rule.");
        }

        return rule.Name switch
        {
            "or" => new ModelMatch.Either(Parts()),
            "and" when rule.Value.GetArrayLength() > 0 => new ModelMatch.Both(Parts()),
            "equals" => new ModelMatch.Exactly(Text()),
            "starts_with" => new ModelMatch.Beginning(Text()),
            "ends_with" => new ModelMatch.Ending(Text()),
            "contains" => new ModelMatch.Holding(Text()),
            "regex" => PatternOf(Text()),
            _ => throw new JsonException($"'{model}' has a match of an unknown kind: '{rule.Name}'."),
        };

        List<ModelMatch> Parts() => [.. rule.Value.EnumerateArray().Select(part => Read(part, model, depth + 1))];

        // An empty text would match every name, and give each the wrong price.
        string Text() => rule.Value.GetString() is { Length: > 0 } text ? text : throw new JsonException($"A match of '{model}' is not text.");

        ModelMatch PatternOf(string text)
        {
            try
            {
                return new ModelMatch.Pattern(text);
            }
            catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
            {
                throw new JsonException($"'{model}' has an expression that cannot be used: {exception.Message}", exception);
            }
        }
    }
}
