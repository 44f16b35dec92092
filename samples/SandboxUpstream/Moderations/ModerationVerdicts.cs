using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Moderations;

/// <summary>
/// <c>POST /v1/moderations</c>. A text is flagged when it contains the name of a category as a word (<c>violence</c>), or
/// <c>[[flag]]</c>, which counts as violence, or <c>[[flag:hate]]</c>. A picture is judged by its address, and one that
/// comes along (<c>data:</c>) by the text that its bytes hold. One picture at a time, as the provider has it.
/// </summary>
internal static class ModerationVerdicts
{
    private static readonly FrozenSet<string> Known = ["input", "model"];

    private static readonly string[] Categories =
    [
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm", "self-harm/instructions",
        "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
    ];

    private static readonly string[] SeenInPictures =
        ["self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "violence", "violence/graphic"];

    public static Task AnswerAsync(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var model = parameters.Model(Abilities.Moderation, "omni-moderation-latest");
        var results = Results(parameters);
        return parameters.Error is { } error
            ? call.RefuseAsync(error)
            : call.AnswerAsync(new JsonObject
            {
                ["id"] = call.Id("modr-", 32),
                ["model"] = model!.Snapshot,
                ["results"] = new JsonArray([.. results]),
            });
    }

    private static List<JsonObject> Results(Parameters parameters)
    {
        switch (parameters.Values["input"])
        {
            case null:
                parameters.Refuse(ProviderErrors.MissingParameter("input"));
                return [];
            case JsonArray { Count: 0 }:
                parameters.Refuse(ProviderErrors.EmptyArray("input"));
                return [];
            case JsonArray parts when parts.All(p => p is JsonObject):
                // The parts of one multimodal input share one verdict.
                parameters.RefuseIf(parts.Count(p => p!["type"]?.ToString() == "image_url") > 1, () => ProviderErrors.Invalid("input", "Too many images. Max 1.", "too_many_images"));
                return [Verdict([.. parts.Select((part, index) => Part(parameters, $"input[{index}]", part!))])];
            case JsonArray texts when texts.All(IsText):
                return [.. texts.Select(text => Verdict([("text", text!.GetValue<string>())]))];
            case JsonValue text when IsText(text):
                return [Verdict([("text", text.GetValue<string>())])];
            case var other:
                parameters.Refuse(ProviderErrors.InvalidType("input", "one of a string or array of strings or objects", Parameters.KindOf(other)));
                return [];
        }
    }

    private static (string Type, string Content) Part(Parameters parameters, string name, JsonNode part)
    {
        var type = part["type"]?.ToString() ?? "";
        var content = type switch
        {
            "text" => part["text"],
            "image_url" => (part["image_url"] as JsonObject)?["url"],
            _ => null,
        };
        parameters.RefuseIf(type is not ("text" or "image_url"), () => ProviderErrors.InvalidValue($"{name}.type", type, ["text", "image_url"]));
        parameters.RefuseIf(content is null, () => ProviderErrors.MissingParameter($"{name}.{type}"));
        return type == "text" ? ("text", content?.ToString() ?? "") : ("image", Picture(parameters, $"{name}.image_url.url", content?.ToString() ?? ""));
    }

    /// <summary>What a picture is judged by.</summary>
    private static string Picture(Parameters parameters, string name, string address)
    {
        if (address.StartsWith("https://", StringComparison.Ordinal) || address.StartsWith("http://", StringComparison.Ordinal))
        {
            return address;
        }

        var (head, data) = address.Split(";base64,", 2) is [var start, var rest] ? (start, rest) : ("", "");
        var bytes = new byte[data.Length];
        if (head.StartsWith("data:image/", StringComparison.Ordinal) && Convert.TryFromBase64String(data, bytes, out var length) && length > 0)
        {
            return System.Text.Encoding.Latin1.GetString(bytes, 0, length);
        }

        parameters.Refuse(ProviderErrors.Invalid(name, $"Invalid '{name}'. Expected an address, or a base64-encoded data URL of an image.", "invalid_image_url"));
        return "";
    }

    private static JsonObject Verdict(IReadOnlyList<(string Type, string Content)> parts)
    {
        var (categories, scores, applied) = (new JsonObject(), new JsonObject(), new JsonObject());
        var flagged = false;
        foreach (var category in Categories)
        {
            var judged = parts.Where(p => p.Type == "text" || SeenInPictures.Contains(category)).ToArray();
            var isFlagged = judged.Any(p => IsFlagged(p.Content, category));
            flagged |= isFlagged;
            categories[category] = isFlagged;
            scores[category] = isFlagged ? 0.97 : 0.0001;
            applied[category] = new JsonArray([.. judged.Select(p => p.Type).Distinct(StringComparer.Ordinal).Select(t => JsonValue.Create(t))]);
        }

        return new JsonObject
        {
            ["flagged"] = flagged,
            ["categories"] = categories,
            ["category_scores"] = scores,
            ["category_applied_input_types"] = applied,
        };
    }

    private static bool IsFlagged(string content, string category)
    {
        if (content.Contains($"[[flag:{category}]]", StringComparison.Ordinal)
            || (category == "violence" && content.Contains("[[flag]]", StringComparison.Ordinal)))
        {
            return true;
        }

        // A whole word, so that "whatever" is not hateful.
        for (var at = content.IndexOf(category, StringComparison.OrdinalIgnoreCase);
            at >= 0;
            at = content.IndexOf(category, at + 1, StringComparison.OrdinalIgnoreCase))
        {
            if (!IsPartOfWord(content, at - 1, ':') && !IsPartOfWord(content, at + category.Length, '/'))
            {
                return true;
            }
        }

        return false;
    }

    // The colon of [[flag:hate/threatening]], and the slash of a narrower category, do not make the wider one.
    private static bool IsPartOfWord(string content, int at, char alsoPart) =>
        at >= 0 && at < content.Length && (char.IsLetterOrDigit(content[at]) || content[at] == alsoPart);

    private static bool IsText(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String;
}
