using System.Text.Json;

namespace TokenBroker.Safety;

/// <summary>Reads the endpoint's answer. Anything short of one whole verdict for each input is no answer.</summary>
internal static class ModerationResults
{
    /// <returns>For each input the categories that it is flagged for.</returns>
    /// <exception cref="ModerationUnavailableException">A verdict is missing or not whole.</exception>
    public static IReadOnlyList<string[]> Read(ReadOnlyMemory<byte> answer, int expected, IDictionary<string, double> thresholds)
    {
        using var json = JsonDocument.Parse(answer);
        if (!json.RootElement.TryGetProperty("results", out var results) || results.ValueKind != JsonValueKind.Array || results.GetArrayLength() != expected)
        {
            throw new ModerationUnavailableException("the answer lacks verdicts");
        }

        return [.. results.EnumerateArray().Select(result => CategoriesOf(result, thresholds))];
    }

    private static string[] CategoriesOf(JsonElement result, IDictionary<string, double> thresholds)
    {
        if (!result.TryGetProperty("flagged", out var flagged) || flagged.ValueKind is not (JsonValueKind.True or JsonValueKind.False)
            || !result.TryGetProperty("categories", out var categories) || categories.ValueKind != JsonValueKind.Object)
        {
            throw new ModerationUnavailableException("a verdict is not whole");
        }

        List<string> found = [];
        foreach (var category in categories.EnumerateObject())
        {
            if (thresholds.TryGetValue(category.Name, out var threshold)
                ? ScoreOf(result, category.Name) >= threshold
                : category.Value.ValueKind == JsonValueKind.True)
            {
                found.Add(category.Name);
            }
        }

        // Flagged for what is not listed: it counts, unless thresholds overrule the provider's own sum.
        return found.Count == 0 && flagged.GetBoolean() && thresholds.Count == 0 ? ["other"] : [.. found];
    }

    private static double ScoreOf(JsonElement result, string category) =>
        result.TryGetProperty("category_scores", out var scores) && scores.TryGetProperty(category, out var score) && score.TryGetDouble(out var value)
            ? value
            : throw new ModerationUnavailableException("a score is missing");
}
