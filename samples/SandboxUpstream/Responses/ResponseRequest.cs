using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Chat;
using TokenBroker.Samples.SandboxUpstream.Objects;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Responses;

/// <summary>The parameters of a response. Earlier responses, conversations and files are those of the key's account.</summary>
internal sealed record ResponseRequest(Model Model, Prompt Prompt, int? MaxTokens, bool Stream, ToolCall? ToolCall, JsonNode? Structured, JsonObject Values)
{
    private static readonly FrozenSet<string> Known =
    [
        "background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
        "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text",
        "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    ];

    private static readonly FrozenSet<string> StreamOptions = ["include_obfuscation"];

    private static readonly string[] Roles = ["assistant", "system", "developer", "user"];

    public static (ResponseRequest? Request, ProviderError? Error) Read(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var model = parameters.Model(Abilities.Chat);
        var prompt = new Prompt();
        prompt.Add(parameters, "instructions", parameters.Text("instructions"), isUser: false);
        AddInput(parameters, prompt);
        var stream = parameters.Flag("stream");
        var options = parameters.Object("stream_options");
        parameters.RefuseIf(options is not null && !stream, () => ProviderErrors.StreamOptionsWithoutStream);
        // Usage always comes here; include_usage belongs to chat completions and is refused.
        parameters.RefuseIf(
            options?.Any(o => !StreamOptions.Contains(o.Key)) == true,
            () => ProviderErrors.UnknownParameter("stream_options." + options!.First(o => !StreamOptions.Contains(o.Key)).Key));
        var max = parameters.Integer("max_output_tokens", 16);
        parameters.Flag("store", otherwise: true);
        parameters.Number("temperature", 0, 2);
        parameters.Number("top_p", 0, 1);
        parameters.OneOf("service_tier", "auto", "auto", "default", "flex", "priority", "scale");
        parameters.OneOf("truncation", "disabled", "auto", "disabled");
        RefuseState(call, parameters, prompt);
        var tool = ToolCall.Forced(parameters.Values["tool_choice"], parameters.Array("tools"), t => t);
        var structured = parameters.Object("text")?["format"] is JsonObject format && format["type"]?.ToString() is "json_schema"
            ? SchemaSample.Of(format["schema"])
            : null;
        return parameters.Error is { } error
            ? (null, error)
            : (new(model!, prompt, max, stream, tool, structured, parameters.Values), null);
    }

    private static void RefuseState(Call call, Parameters parameters, Prompt prompt)
    {
        var shelf = call.Context.RequestServices.GetRequiredService<Shelves>().Of(call.Recording.Key);
        var previous = parameters.Text("previous_response_id");
        parameters.RefuseIf(previous is not null && shelf.Find("responses", previous) is null, () => ProviderErrors.Invalid("previous_response_id",
            $"Previous response with id '{previous}' not found.", "previous_response_not_found"));
        var conversation = ((parameters.Values["conversation"] as JsonObject)?["id"] ?? parameters.Values["conversation"])?.ToString();
        parameters.RefuseIf(conversation is not null && shelf.Find("conversations", conversation) is null, () => new ProviderError(404,
            $"Conversation with id '{conversation}' not found."));
        parameters.RefuseIf(parameters.Flag("background") && !parameters.Flag("store", otherwise: true), () => ProviderErrors.Invalid("background",
            "Background mode requires 'store' to be true."));
        if (NewObject.MissingId(shelf, parameters.Values["input"]) is { } missing)
        {
            parameters.Refuse(ObjectsApi.NotFound(missing));
        }

        prompt.Add(StoredItems.Find(shelf, parameters, parameters.Values["input"]));
    }

    private static void AddInput(Parameters parameters, Prompt prompt)
    {
        switch (parameters.Values["input"])
        {
            case null:
                parameters.RefuseIf(!parameters.Has("prompt"), () => ProviderErrors.MissingParameter("input"));
                break;
            case JsonArray items:
                foreach (var (index, item) in items.Index())
                {
                    AddItem(parameters, prompt, $"input[{index}]", item);
                }

                break;
            case JsonValue text when text.GetValueKind() == JsonValueKind.String:
                prompt.Add(parameters, "input", text, isUser: true);
                break;
            case var other:
                parameters.Refuse(ProviderErrors.InvalidType("input", "one of a string or array of objects", Parameters.KindOf(other)));
                break;
        }
    }

    private static void AddItem(Parameters parameters, Prompt prompt, string name, JsonNode? item)
    {
        if (item is not JsonObject)
        {
            parameters.Refuse(ProviderErrors.InvalidType(name, "an object", Parameters.KindOf(item)));
            return;
        }

        // Other items (tool calls and their outputs, reasoning, references) are taken as they are.
        if ((item["type"]?.ToString() ?? (item["role"] is null && item["id"] is not null ? "item_reference" : "message")) == "message")
        {
            var role = item["role"]?.ToString() ?? "";
            parameters.RefuseIf(!Roles.Contains(role), () => ProviderErrors.InvalidValue($"{name}.role", role, Roles));
            parameters.RefuseIf(item["content"] is null, () => ProviderErrors.MissingParameter($"{name}.content"));
            prompt.Add(parameters, $"{name}.content", item["content"], role == "user");
        }
    }
}
