using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Chat;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Responses;

/// <summary>The parts of a response object, each built anew because a JSON node has one parent.</summary>
internal sealed class ResponseShape(Call call, ResponseRequest request, TextAnswer answer)
{
    public ToolCall? Tool => request.ToolCall;

    public TextAnswer Answer => answer;

    public string ItemId => call.Id(Tool is null ? "msg_" : "fc_", 48);

    /// <summary>The place of the item that answers.</summary>
    public int Index => answer.ReasoningTokens == 0 ? 0 : 1;

    public string FinalStatus => answer.IsCut ? "incomplete" : "completed";

    public bool IsStored => request.Values["store"]?.GetValue<bool>() ?? true;

    public bool IsBackground => request.Values["background"]?.GetValue<bool>() ?? false;

    public bool HasUsage => call.HasUsage;

    /// <summary>The whole response: with its output and usage when it is over, without while it is in progress.</summary>
    public JsonObject Response(bool isOver)
    {
        var response = new JsonObject
        {
            ["id"] = call.Id("resp_", 48),
            ["object"] = "response",
            ["created_at"] = call.Now,
            ["status"] = isOver ? FinalStatus : "in_progress",
            ["background"] = IsBackground,
            ["completed_at"] = isOver && !answer.IsCut ? call.Now : null,
            ["error"] = null,
            ["incomplete_details"] = isOver && answer.IsCut ? new JsonObject { ["reason"] = "max_output_tokens" } : null,
            ["instructions"] = Given("instructions", null),
            ["max_output_tokens"] = request.MaxTokens,
            ["model"] = request.Model.Snapshot,
            ["output"] = isOver ? new JsonArray([.. Items()]) : [],
            ["parallel_tool_calls"] = Given("parallel_tool_calls", true),
            ["previous_response_id"] = Given("previous_response_id", null),
            ["prompt_cache_key"] = Given("prompt_cache_key", null),
            ["reasoning"] = Given("reasoning", new JsonObject { ["effort"] = null, ["summary"] = null }),
            ["safety_identifier"] = Given("safety_identifier", null),
            ["service_tier"] = request.Values["service_tier"]?.ToString() is { } tier and not "auto" ? tier : isOver ? call.Words.Tier ?? "default" : "auto",
            ["store"] = Given("store", true),
            ["temperature"] = Given("temperature", 1.0),
            ["text"] = Given("text", new JsonObject { ["format"] = new JsonObject { ["type"] = "text" }, ["verbosity"] = "medium" }),
            ["tool_choice"] = Given("tool_choice", "auto"),
            ["tools"] = Given("tools", new JsonArray()),
            ["top_logprobs"] = 0,
            ["top_p"] = Given("top_p", 1.0),
            ["truncation"] = Given("truncation", "disabled"),
            ["usage"] = isOver ? Usage() : null,
            ["user"] = Given("user", null),
            ["metadata"] = Given("metadata", new JsonObject()),
        };
        if (!HasUsage)
        {
            response.Remove("usage");
        }

        return response;
    }

    /// <summary>The whole output: what was thought, where anything was, and what is said.</summary>
    public IEnumerable<JsonObject> Items() => Thought() is { } thought ? [thought, Item(isOver: true)] : [Item(isOver: true)];

    /// <summary>The reasoning, which is not shown; null where there was none.</summary>
    public JsonObject? Thought() => answer.ReasoningTokens == 0 ? null : new JsonObject
    {
        ["id"] = call.Id("rs_", 48),
        ["type"] = "reasoning",
        ["summary"] = new JsonArray(),
    };

    /// <summary>The item that answers: a message, or the call of a tool.</summary>
    public JsonObject Item(bool isOver)
    {
        var status = isOver ? FinalStatus : "in_progress";
        return Tool is { } tool
            ? new JsonObject
            {
                ["id"] = ItemId,
                ["type"] = "function_call",
                ["status"] = status,
                ["arguments"] = isOver ? answer.Text : "",
                ["call_id"] = call.Id("call_", 24),
                ["name"] = tool.Name,
            }
            : new JsonObject
            {
                ["id"] = ItemId,
                ["type"] = "message",
                ["status"] = status,
                ["content"] = isOver ? new JsonArray(Part(answer.Text)) : [],
                ["role"] = "assistant",
            };
    }

    public static JsonObject Part(string text) => new()
    {
        ["type"] = "output_text",
        ["annotations"] = new JsonArray(),
        ["logprobs"] = new JsonArray(),
        ["text"] = text,
    };

    private JsonObject Usage() => new()
    {
        ["input_tokens"] = request.Prompt.Tokens,
        ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = Math.Min(call.Words.CachedTokens, request.Prompt.Tokens) },
        ["output_tokens"] = answer.Tokens,
        ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = answer.ReasoningTokens },
        ["total_tokens"] = request.Prompt.Tokens + answer.Tokens,
    };

    private JsonNode? Given(string name, JsonNode? otherwise) => request.Values[name]?.DeepClone() ?? otherwise;
}
