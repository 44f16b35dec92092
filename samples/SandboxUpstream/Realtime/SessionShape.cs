using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;

namespace TokenBroker.Samples.SandboxUpstream.Realtime;

/// <summary>A session's settings, as the provider states them in full after each change.</summary>
internal sealed class SessionShape(string model)
{
    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "type", "model", "instructions", "output_modalities", "audio", "tools", "tool_choice", "max_output_tokens", "include", "truncation", "tracing", "prompt",
    };

    private readonly JsonObject values = new()
    {
        ["type"] = "realtime",
        ["object"] = "realtime.session",
        ["id"] = "sess_sandbox",
        ["model"] = model,
        ["output_modalities"] = new JsonArray("audio"),
        ["instructions"] = "You are a sandbox.",
        ["tools"] = new JsonArray(),
        ["tool_choice"] = "auto",
        ["max_output_tokens"] = "inf",
        ["audio"] = new JsonObject
        {
            ["input"] = new JsonObject
            {
                ["format"] = new JsonObject { ["type"] = "audio/pcm", ["rate"] = 24000 },
                ["transcription"] = null,
                ["turn_detection"] = new JsonObject { ["type"] = "server_vad", ["create_response"] = true, ["interrupt_response"] = true },
            },
            ["output"] = new JsonObject { ["voice"] = "alloy", ["speed"] = 1 },
        },
    };

    public bool Detects => Input["turn_detection"] is not null;

    public bool RespondsByItself => Input["turn_detection"] is { } detection && detection["create_response"]?.GetValue<bool>() != false;

    public string? Transcribes => Input["transcription"]?["model"]?.GetValue<string>();

    public JsonNode? MaxOutput => values["max_output_tokens"];

    private JsonObject Input => (JsonObject)values["audio"]!["input"]!;

    public JsonNode ToJson() => values.DeepClone();

    public bool Speaks(JsonObject response) =>
        (response["output_modalities"] ?? values["output_modalities"])!.AsArray().Any(one => one!.GetValue<string>() == "audio");

    /// <returns>What is wrong with it; then nothing has changed.</returns>
    public string? Change(JsonObject change)
    {
        if (change["type"]?.GetValue<string>() != "realtime")
        {
            return "Missing required parameter: 'session.type'.";
        }

        if (change.FirstOrDefault(member => !Known.Contains(member.Key)) is { Key: { } unknown })
        {
            return $"Unknown parameter: 'session.{unknown}'.";
        }

        if (change["model"] is { } other && other.GetValue<string>() != model)
        {
            return "Cannot update a conversation's model.";
        }

        if (change["audio"]?["input"]?["transcription"]?["model"]?.GetValue<string>() is { } by
            && ModelList.Find(by)?.Abilities.HasFlag(Abilities.Transcription) != true)
        {
            return $"Invalid value: '{by}'.";
        }

        Merge(values, change);
        return null;
    }

    private static void Merge(JsonObject into, JsonObject change)
    {
        foreach (var (name, value) in change)
        {
            if (value is JsonObject inner && into[name] is JsonObject held)
            {
                Merge(held, inner);
            }
            else
            {
                into[name] = value?.DeepClone();
            }
        }
    }
}
