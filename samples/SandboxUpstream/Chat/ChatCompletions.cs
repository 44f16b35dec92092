using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Objects;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Chat;

/// <summary>
/// <c>POST /v1/chat/completions</c>. With <c>stream_options.include_usage</c> every chunk says <c>"usage": null</c> and a last
/// one without choices carries the numbers; without it no chunk has the name at all.
/// </summary>
internal static class ChatCompletions
{
    public static Task AnswerAsync(Call call)
    {
        var (request, error) = ChatRequest.Read(call);
        if (request is null)
        {
            return call.RefuseAsync(error!);
        }

        var answer = request.ToolCall is { } tool
            ? TextAnswer.Of(call, tool.Arguments, maxTokens: null)
            : request.Structured is { } structured
                ? TextAnswer.Of(call, structured.ToJsonString(), request.MaxTokens)
                : TextAnswer.To(call, request.Prompt.Asked, request.MaxTokens);
        if (JsonNode.Parse(call.Body.Span)?["store"]?.ToString() == "true")
        {
            call.Context.RequestServices.GetRequiredService<Shelves>().Of(call.Recording.Key).Put("chat/completions", Whole(call, request, answer));
        }

        return request.Stream
            ? call.StreamAsync(Events(call, request, answer))
            : call.AnswerAsync(Whole(call, request, answer));
    }

    private static JsonObject Whole(Call call, ChatRequest request, TextAnswer answer)
    {
        var choices = new JsonArray();
        for (var index = 0; index < request.Choices; index++)
        {
            var message = new JsonObject
            {
                ["role"] = "assistant",
                ["content"] = request.ToolCall is null ? answer.Text : null,
                ["refusal"] = null,
                ["annotations"] = new JsonArray(),
            };
            if (request.ToolCall is { } tool)
            {
                message["tool_calls"] = new JsonArray(Tool(call, tool, answer.Text, index: null));
            }

            choices.Add((JsonNode)new JsonObject
            {
                ["index"] = index,
                ["message"] = message,
                ["logprobs"] = null,
                ["finish_reason"] = FinishReason(request, answer),
            });
        }

        var whole = Shell(call, request, "chat.completion", choices);
        whole["usage"] = Usage(call, request, answer);
        return whole;
    }

    private static IEnumerable<StreamEvent> Events(Call call, ChatRequest request, TextAnswer answer)
    {
        StreamEvent Chunk(int index, JsonObject delta, string? finish = null)
        {
            var choice = new JsonObject { ["index"] = index, ["delta"] = delta, ["logprobs"] = null, ["finish_reason"] = finish };
            var chunk = Shell(call, request, "chat.completion.chunk", [choice]);
            if (request.StreamsUsage)
            {
                chunk["usage"] = null;
            }

            return new StreamEvent(chunk);
        }

        var choices = Enumerable.Range(0, request.Choices).ToArray();
        foreach (var index in choices)
        {
            yield return Chunk(index, First(call, request));
        }

        foreach (var piece in Reply.Pieces(answer.Text))
        {
            foreach (var index in choices)
            {
                yield return Chunk(index, request.ToolCall is null
                    ? new JsonObject { ["content"] = piece }
                    : new JsonObject { ["tool_calls"] = new JsonArray(new JsonObject { ["index"] = 0, ["function"] = new JsonObject { ["arguments"] = piece } }) });
            }
        }

        foreach (var index in choices)
        {
            yield return Chunk(index, [], FinishReason(request, answer));
        }

        if (request.StreamsUsage && call.HasUsage)
        {
            var last = Shell(call, request, "chat.completion.chunk", []);
            last["usage"] = Usage(call, request, answer);
            yield return new StreamEvent(last);
        }

        yield return StreamEvent.Done;
    }

    private static JsonObject First(Call call, ChatRequest request)
    {
        var delta = new JsonObject { ["role"] = "assistant", ["content"] = request.ToolCall is null ? "" : null, ["refusal"] = null };
        if (request.ToolCall is { } tool)
        {
            delta["tool_calls"] = new JsonArray(Tool(call, tool, arguments: "", index: 0));
        }

        return delta;
    }

    private static JsonObject Tool(Call call, ToolCall tool, string arguments, int? index)
    {
        var json = new JsonObject
        {
            ["id"] = call.Id("call_", 24),
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = tool.Name, ["arguments"] = arguments },
        };
        if (index is not null)
        {
            json.Insert(0, "index", index);
        }

        return json;
    }

    private static JsonObject Shell(Call call, ChatRequest request, string type, JsonArray choices) => new()
    {
        ["id"] = call.Id("chatcmpl-"),
        ["object"] = type,
        ["created"] = call.Now,
        ["model"] = request.Model.Snapshot,
        ["choices"] = choices,
        ["service_tier"] = request.ServiceTier,
        ["system_fingerprint"] = "fp_sandbox0001",
    };

    private static string FinishReason(ChatRequest request, TextAnswer answer) => request.ToolCall switch
    {
        { IsNamed: false } => "tool_calls",
        { IsNamed: true } => "stop",
        null => answer.IsCut ? "length" : "stop",
    };

    private static JsonObject Usage(Call call, ChatRequest request, TextAnswer answer)
    {
        var output = answer.Tokens * request.Choices;
        return new JsonObject
        {
            ["prompt_tokens"] = request.Prompt.Tokens,
            ["completion_tokens"] = output,
            ["total_tokens"] = request.Prompt.Tokens + output,
            ["prompt_tokens_details"] = new JsonObject
            {
                ["cached_tokens"] = Math.Min(call.Words.CachedTokens, request.Prompt.Tokens),
                ["audio_tokens"] = 0,
            },
            ["completion_tokens_details"] = new JsonObject
            {
                ["reasoning_tokens"] = answer.ReasoningTokens * request.Choices,
                ["audio_tokens"] = 0,
                ["accepted_prediction_tokens"] = 0,
                ["rejected_prediction_tokens"] = 0,
            },
        };
    }
}
