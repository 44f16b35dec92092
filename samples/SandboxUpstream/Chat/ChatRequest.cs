using System.Collections.Frozen;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Chat;

/// <summary>The parameters of a chat completion, checked as the provider checks them.</summary>
internal sealed record ChatRequest(
    Model Model, Prompt Prompt, int Choices, int? MaxTokens, bool Stream, bool StreamsUsage, ToolCall? ToolCall, JsonNode? Structured, string ServiceTier)
{
    private static readonly FrozenSet<string> Known =
    [
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "messages",
        "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop",
        "store", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    ];

    private static readonly string[] Roles = ["system", "assistant", "user", "function", "tool", "developer"];

    public static (ChatRequest? Request, ProviderError? Error) Read(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var model = parameters.Model(Abilities.Chat);
        var prompt = Messages(parameters);
        var (stream, usage) = parameters.Streaming();
        var legacyMax = parameters.Integer("max_tokens", 1);
        var max = parameters.Integer("max_completion_tokens", 1);
        var choices = parameters.Integer("n", 1, 128) ?? 1;
        parameters.Number("temperature", 0, 2);
        parameters.Number("top_p", 0, 1);
        parameters.Number("frequency_penalty", -2, 2);
        parameters.Number("presence_penalty", -2, 2);
        parameters.RefuseIf(
            legacyMax is not null && model?.Abilities.HasFlag(Abilities.Reasoning) == true,
            () => ProviderErrors.UnsupportedParameter("max_tokens", "max_completion_tokens"));
        parameters.RefuseIf(legacyMax is not null && max is not null, () => ProviderErrors.Invalid("max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", "invalid_parameter_combination"));
        var tools = parameters.Array("tools");
        parameters.RefuseIf(parameters.Has("tool_choice") && tools is null, () => ProviderErrors.Invalid("tool_choice",
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.", code: null));
        var tool = ToolCall.Forced(parameters.Values["tool_choice"], tools, t => t["function"]);
        var structured = Structure(parameters, call);
        var tier = parameters.OneOf("service_tier", "auto", "auto", "default", "flex", "priority", "scale");
        return parameters.Error is { } error
            ? (null, error)
            : (new(model!, prompt, choices, max ?? legacyMax, stream, usage, tool, structured, tier == "auto" ? call.Words.Tier ?? "default" : tier), null);
    }

    private static Prompt Messages(Parameters parameters)
    {
        var prompt = new Prompt();
        var messages = parameters.Array("messages");
        parameters.RefuseIf(messages is null, () => ProviderErrors.MissingParameter("messages"));
        parameters.RefuseIf(messages is { Count: 0 }, () => ProviderErrors.EmptyArray("messages"));
        foreach (var (index, message) in (messages ?? []).Index())
        {
            var name = $"messages[{index}]";
            if (message is not JsonObject)
            {
                parameters.Refuse(ProviderErrors.InvalidType(name, "an object", Parameters.KindOf(message)));
                continue;
            }

            var role = message["role"]?.ToString();
            parameters.RefuseIf(role is null, () => ProviderErrors.MissingParameter($"{name}.role"));
            parameters.RefuseIf(role is not null && !Roles.Contains(role), () => ProviderErrors.InvalidValue($"{name}.role", role!, Roles));
            parameters.RefuseIf(
                message["content"] is null && role is not ("assistant" or "function"),
                () => ProviderErrors.MissingParameter($"{name}.content"));
            prompt.Add(parameters, $"{name}.content", message["content"], role is "user");
        }

        return prompt;
    }

    /// <summary>The value that a JSON response format asks for; null for plain text.</summary>
    private static JsonNode? Structure(Parameters parameters, Call call)
    {
        var format = parameters.Object("response_format");
        switch (format?["type"]?.ToString())
        {
            case null when format is null:
            case "text":
                return null;
            case "json_schema":
                parameters.RefuseIf(
                    format["json_schema"]?["schema"] is not JsonObject, () => ProviderErrors.MissingParameter("response_format.json_schema.schema"));
                return SchemaSample.Of(format["json_schema"]?["schema"]);
            case "json_object":
                // The provider refuses this mode unless the conversation speaks of JSON.
                parameters.RefuseIf(
                    parameters.Values["messages"]?.ToJsonString().Contains("json", StringComparison.OrdinalIgnoreCase) != true,
                    () => ProviderErrors.Invalid("messages",
                        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", code: null));
                return new JsonObject { ["answer"] = "sandbox" };
            case var other:
                parameters.Refuse(ProviderErrors.InvalidValue("response_format.type", other ?? "", ["json_object", "json_schema", "text"]));
                return null;
        }
    }
}
